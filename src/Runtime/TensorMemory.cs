using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace UnetResnet.Runtime;

/// <summary>
/// The one place where the bytes of a tensor are read and written. TorchSharp's <c>bytes</c> and <c>data&lt;T&gt;()</c> throw for memory that is not the CPU's and for
/// tensors that are not contiguous, such as a transposed weight or a network on a GPU; here both are copied first. The build forbids them elsewhere.
/// </summary>
#pragma warning disable RS0030 // what is banned elsewhere is done here
internal static class TensorMemory
{
    /// <summary>Lets a reader see a tensor's values, row by row.</summary>
    /// <param name="tensor">Any device, any layout; kept by the caller.</param>
    /// <param name="reader">Gets the bytes, which are valid during the call only.</param>
    public static void Read(Tensor tensor, Action<ReadOnlySpan<byte>> reader)
    {
        using Tensor readable = Readable(tensor);
        reader(readable.numel() == 0 ? [] : readable.bytes);
    }

    /// <summary>A copy of a tensor's values, row by row.</summary>
    /// <typeparam name="T">The tensor's own element type.</typeparam>
    /// <param name="tensor">Any device, any layout; kept by the caller.</param>
    /// <exception cref="ArgumentException">The tensor's elements are of another size.</exception>
    public static T[] Values<T>(this Tensor tensor) where T : unmanaged
    {
        if (tensor.element_size() != Marshal.SizeOf<T>() && typeof(T) != typeof(bool))
            throw new ArgumentException($"The tensor is {tensor.dtype}, and {typeof(T).Name} was asked for. Convert it first with .to(…).", nameof(tensor));
        T[] values = [];
        Read(tensor, bytes => values = MemoryMarshal.Cast<byte, T>(bytes).ToArray());
        return values;
    }

    /// <summary>A copy of a tensor's values as double precision, row by row.</summary>
    /// <param name="tensor">Any device, layout and real type; kept by the caller.</param>
    public static double[] Doubles(this Tensor tensor)
    {
        using var scope = NewDisposeScope();
        // Not on the device: some have no float64.
        return tensor.detach().cpu().to(float64).Values<double>();
    }

    /// <summary>A copy of a tensor's bytes, row by row.</summary>
    /// <param name="tensor">Any device, any layout; kept by the caller.</param>
    public static byte[] Bytes(this Tensor tensor)
    {
        byte[] copy = [];
        Read(tensor, bytes => copy = bytes.ToArray());
        return copy;
    }

    /// <summary>A tensor's bytes, row by row: where they lie, if they lie so on the CPU, else a copy. Valid until the tensor is written to or freed.</summary>
    public static unsafe ReadOnlySpan<byte> View(Tensor tensor)
    {
        float* numbers = TensorLayout.Numbers(tensor, out long count);
        return numbers is not null ? new ReadOnlySpan<byte>(numbers, checked((int)(count * sizeof(float))))
            : tensor.device_type == TorchSharp.DeviceType.CPU && tensor.is_contiguous() ? Of(tensor) : tensor.Bytes();
    }

    /// <summary>Whether two tensors have the same type, shape and bytes; NaN is the same as itself.</summary>
    public static bool SameBytes(Tensor one, Tensor other)
    {
        bool same = false;
        if (one.dtype == other.dtype && one.shape.AsSpan().SequenceEqual(other.shape))
            Read(one, first => { using Tensor second = Readable(other); same = first.SequenceEqual(second.numel() == 0 ? [] : second.bytes); });
        return same;
    }

    /// <summary>A new tensor on the CPU whose values are still to be written, see <see cref="Of"/>.</summary>
    /// <returns>The caller owns it.</returns>
    public static Tensor New(ReadOnlySpan<long> shape, ScalarType type)
    {
        TorchRuntime.Load();
        return empty(shape, type, device: CPU);
    }

    /// <summary>The memory of a tensor that <see cref="New"/> has made, to write into.</summary>
    public static Span<byte> Of(Tensor fresh) => fresh.numel() == 0 ? [] : fresh.bytes;

    /// <summary>
    /// Where the numbers of a map lie: the channels of a pixel side by side, pixel after pixel and row after row. The tensor must be kept alive while they are read or written.
    /// </summary>
    /// <param name="map">(N, C, H, W) on the CPU, float32, channels last.</param>
    /// <exception cref="ArgumentException">It is not, and must be copied first.</exception>
    public static unsafe float* Pixels(Tensor map)
    {
        float* numbers = TensorLayout.Numbers(map, [0, 2, 3, 1]);
        return numbers is not null ? numbers : throw Unsuited(map, "a float32 map (N, C, H, W) on the CPU, the channels of a pixel side by side,", "ChannelsLast.Of(tensor.cpu().to(float32))");
    }

    /// <summary>Where the numbers of a tensor lie, row by row. The tensor must be kept alive while they are read or written.</summary>
    /// <param name="tensor">On the CPU, float32, contiguous, not empty.</param>
    /// <exception cref="ArgumentException">It is not, and must be copied first.</exception>
    public static unsafe float* Numbers(Tensor tensor)
    {
        float* numbers = TensorLayout.Numbers(tensor, out _);
        return numbers is not null ? numbers : throw Unsuited(tensor, "float32 numbers on the CPU, row by row,", "tensor.cpu().to(float32).contiguous()");
    }

    /// <summary>The numbers of a float64 tensor where they lie, row by row. The tensor must be kept alive while they are read or written.</summary>
    /// <param name="tensor">On the CPU, float64, contiguous, not empty.</param>
    /// <exception cref="ArgumentException">It is not, and must be copied first.</exception>
    public static unsafe Span<double> Float64(Tensor tensor)
    {
        double* numbers = TensorLayout.Numbers64(tensor, out long count);
        return numbers is not null ? new Span<double>(numbers, checked((int)count)) : throw Unsuited(tensor, "float64 numbers on the CPU, row by row,", "tensor.cpu().to(float64).contiguous()");
    }

    private static ArgumentException Unsuited(Tensor tensor, string expected, string cure) =>
        new($"Expected were {expected} and the tensor is {tensor.dtype} on {tensor.device}, ({string.Join(", ", tensor.shape)}) with strides ({string.Join(", ", tensor.stride())}). Pass {cure}.", nameof(tensor));

    /// <summary>Always a tensor object of its own, so that disposing it leaves the given one alone.</summary>
    private static Tensor Readable(Tensor tensor)
    {
        using var scope = NewDisposeScope();
        return tensor.detach().cpu().contiguous().DetachFromDisposeScope();
    }
}
