using static TorchSharp.torch;

namespace UnetResnet.Runtime;

/// <summary>
/// Reads tensors to memory. The one place that does: TorchSharp's <c>bytes</c> and <c>data</c> throw for memory that is not the CPU's, <c>bytes</c> for tensors that are
/// not contiguous too.
/// </summary>
internal static class TensorMemory
{
    /// <summary>A tensor's values in the order of its indices, on whatever device and however strided it is.</summary>
    /// <typeparam name="T">The type of its elements.</typeparam>
    internal static T[] Values<T>(this Tensor tensor) where T : unmanaged
    {
        using var scope = NewDisposeScope();
        return tensor.detach().cpu().contiguous().data<T>().ToArray();
    }

    /// <summary>A tensor's values as double-precision numbers, whatever its type.</summary>
    internal static double[] Doubles(this Tensor tensor)
    {
        using var scope = NewDisposeScope();
        // Not on the device: some have no float64.
        return tensor.detach().cpu().to(float64).contiguous().data<double>().ToArray();
    }

    /// <summary>A tensor's bytes in the order of its indices.</summary>
    internal static byte[] Bytes(this Tensor tensor)
    {
        using var scope = NewDisposeScope();
        return tensor.detach().cpu().contiguous().bytes.ToArray();
    }

    /// <summary>Whether two tensors have the same type, shape and bytes; NaN is the same as itself.</summary>
    internal static bool SameBytes(Tensor first, Tensor second)
    {
        using var scope = NewDisposeScope();
        return first.dtype == second.dtype && first.shape.SequenceEqual(second.shape)
            && first.detach().cpu().contiguous().bytes.SequenceEqual(second.detach().cpu().contiguous().bytes);
    }
}
