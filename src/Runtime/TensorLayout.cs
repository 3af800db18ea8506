using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace UnetResnet.Runtime;

/// <summary>
/// Where a tensor's numbers lie and in which order, asked of libtorch's stable C interface (<c>shim.h</c>): a tensor's handle is the same pointer there, and an answer takes some
/// nanoseconds, where TorchSharp's <c>permute</c>, <c>is_contiguous</c> and <c>bytes</c> together take a microsecond.
/// </summary>
internal readonly unsafe ref struct TensorLayout
{
    private const string Library = "torch_cpu";

    /// <summary>libtorch's numbers of the kinds that are asked for.</summary>
    private const int Cpu = 0, Float32 = 6, Float64 = 7, None = -1;

    private readonly long* sizes, strides;
    private readonly int dimensions;

    /// <summary>Of the elements; <see cref="None"/> on other devices than the CPU.</summary>
    private readonly int type;

    private TensorLayout(Tensor tensor)
    {
        nint handle = tensor.Handle;
        Check(aoti_torch_get_dim(handle, out long count) | aoti_torch_get_device_type(handle, out int device) | aoti_torch_get_dtype(handle, out type)
            | aoti_torch_get_sizes(handle, out sizes) | aoti_torch_get_strides(handle, out strides));
        dimensions = (int)count;
        if (device != Cpu) type = None;
    }

    /// <summary>The numbers of a tensor on the CPU in float32 whose dimensions follow each other in memory in this order; null of any other, and of an empty one.</summary>
    /// <param name="tensor">Kept alive by the caller while they are read or written.</param>
    /// <param name="order">Its dimensions from the outermost to the innermost.</param>
    internal static float* Numbers(Tensor tensor, ReadOnlySpan<int> order) => (float*)Numbers(tensor, Float32, order, out _);

    /// <summary>The same for a tensor of any number of dimensions, row by row.</summary>
    /// <param name="tensor">Kept alive by the caller while they are read or written.</param>
    /// <param name="count">How many.</param>
    internal static float* Numbers(Tensor tensor, out long count) => (float*)Numbers(tensor, Float32, [], out count);

    /// <summary>The same of float64.</summary>
    /// <param name="tensor">Kept alive by the caller while they are read or written.</param>
    /// <param name="count">How many.</param>
    internal static double* Numbers64(Tensor tensor, out long count) => (double*)Numbers(tensor, Float64, [], out count);

    private static void* Numbers(Tensor tensor, int type, ReadOnlySpan<int> order, out long count)
    {
        var layout = new TensorLayout(tensor);
        void* numbers = null;
        if (layout.Follow(order, out count) && layout.type == type) Check(aoti_torch_get_data_ptr(tensor.Handle, out numbers));
        GC.KeepAlive(tensor);
        return numbers;
    }

    /// <summary>Whether the dimensions follow each other in this order, or as they are where there is none. How far the numbers of a dimension of size 1 lie apart does not matter.</summary>
    private bool Follow(ReadOnlySpan<int> order, out long count)
    {
        count = 1;
        if (!order.IsEmpty && order.Length != dimensions) return false;
        for (int i = dimensions - 1; i >= 0; i--)
        {
            int dimension = order.IsEmpty ? i : order[i];
            if (sizes[dimension] != 1 && strides[dimension] != count) return false;
            count *= sizes[dimension];
        }

        return count > 0;
    }

    private static void Check(int error)
    {
        if (error != 0) throw new InvalidOperationException("libtorch did not say where a tensor lies; its reason stands on stderr.");
    }

    [DllImport(Library)]
    private static extern int aoti_torch_get_data_ptr(nint tensor, out void* numbers);

    [DllImport(Library)]
    private static extern int aoti_torch_get_dim(nint tensor, out long dimensions);

    [DllImport(Library)]
    private static extern int aoti_torch_get_device_type(nint tensor, out int type);

    [DllImport(Library)]
    private static extern int aoti_torch_get_dtype(nint tensor, out int type);

    [DllImport(Library)]
    private static extern int aoti_torch_get_sizes(nint tensor, out long* sizes);

    [DllImport(Library)]
    private static extern int aoti_torch_get_strides(nint tensor, out long* strides);
}
