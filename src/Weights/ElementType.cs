using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Weights;

/// <summary>A type of numbers that weights files hold: its size, and its names in the formats that have some.</summary>
/// <param name="Type">TorchSharp's type.</param>
/// <param name="Size">Bytes of a number.</param>
/// <param name="Safetensors">Name in safetensors.</param>
/// <param name="Storage">Name of PyTorch's class of storages.</param>
internal sealed record ElementType(ScalarType Type, int Size, string Safetensors, string Storage)
{
    /// <summary>libtorch's own limit: kernels refuse tensors of more dimensions.</summary>
    internal const int MaximumRank = 64;

    /// <summary>All of them.</summary>
    internal static IReadOnlyList<ElementType> All { get; } =
    [
        new(ScalarType.Bool, 1, "BOOL", "BoolStorage"),
        new(ScalarType.Byte, 1, "U8", "ByteStorage"),
        new(ScalarType.Int8, 1, "I8", "CharStorage"),
        new(ScalarType.Int16, 2, "I16", "ShortStorage"),
        new(ScalarType.Int32, 4, "I32", "IntStorage"),
        new(ScalarType.Int64, 8, "I64", "LongStorage"),
        new(ScalarType.Float16, 2, "F16", "HalfStorage"),
        new(ScalarType.BFloat16, 2, "BF16", "BFloat16Storage"),
        new(ScalarType.Float32, 4, "F32", "FloatStorage"),
        new(ScalarType.Float64, 8, "F64", "DoubleStorage"),
    ];

    /// <summary>Bytes of a tensor; null where libtorch cannot count them, which an empty dimension does not change: it multiplies the others for the strides.</summary>
    /// <param name="shape">No negative side.</param>
    internal long? Bytes(IReadOnlyList<long> shape)
    {
        long extent = Size;
        foreach (long side in shape)
        {
            if (side > long.MaxValue / extent) return null;
            extent *= Math.Max(side, 1);
        }

        return shape.Contains(0) ? 0 : extent;
    }

    /// <summary>Reads a tensor's numbers from a stream.</summary>
    /// <param name="name">Its name in messages.</param>
    /// <param name="shape">Its shape, which the caller has checked.</param>
    /// <param name="stream">Stands at the first byte.</param>
    /// <returns>The tensor on the CPU, owned by the caller.</returns>
    /// <exception cref="EndOfStreamException">The stream ends before.</exception>
    /// <exception cref="InvalidDataException">Bytes that are no numbers of the type.</exception>
    internal Tensor Read(string name, ReadOnlySpan<long> shape, Stream stream)
    {
        Tensor tensor = TensorMemory.New(shape, Type);
        Span<byte> bytes = TensorMemory.Of(tensor);
        stream.ReadExactly(bytes);
        // Any other byte in a bool is undefined behaviour in native code.
        if (Type == ScalarType.Bool && bytes.ContainsAnyExceptInRange((byte)0, (byte)1)) throw new InvalidDataException($"'{name}' is {Safetensors} and holds bytes other than 0 and 1");
        return tensor;
    }
}
