namespace UnetResnet.Weights.Hdf5;

/// <summary>The type of an element.</summary>
/// <param name="Class">Class by the numbers of the specification.</param>
/// <param name="Size">Bytes of an element.</param>
/// <param name="BigEndian">Whether the highest byte comes first.</param>
/// <param name="Standard">For numbers: whether they are laid out as IEEE 754's. For others: whether they are text.</param>
internal sealed record Hdf5Type(Hdf5Class Class, int Size, bool BigEndian, bool Standard)
{
    internal static Hdf5Type Read(ref ByteReader reader)
    {
        byte first = reader.Byte();
        var kind = (Hdf5Class)(first & 15);
        if (!Enum.IsDefined(kind)) throw new InvalidDataException($"a type has class {first & 15}, which does not exist");
        byte bits = reader.Byte();
        reader.Skip(2);
        uint size = reader.UInt32();
        if (size is 0 or > int.MaxValue) throw new InvalidDataException($"a type has {size} bytes");
        return new Hdf5Type(kind, (int)size, (bits & 1) != 0, kind switch
        {
            Hdf5Class.FloatingPoint => IsStandard(ref reader, size, bits),
            Hdf5Class.String => true,
            Hdf5Class.VariableLength => (bits & 15) == 1 && size == 16,
            _ => false,
        });
    }

    /// <summary>Offset 0, all bits used, and the exponent where IEEE 754 has it.</summary>
    private static bool IsStandard(ref ByteReader reader, uint size, byte bits)
    {
        (ushort offset, ushort precision) = (reader.UInt16(), reader.UInt16());
        (byte exponentAt, byte exponentBits) = (reader.Byte(), reader.Byte());
        return offset == 0 && precision == 8 * size && (bits & 64) == 0 && (size, exponentAt, exponentBits) is ((2, 10, 5) or (4, 23, 8) or (8, 52, 11));
    }
}

/// <summary>Classes of types.</summary>
internal enum Hdf5Class
{
    FixedPoint,
    FloatingPoint,
    Time,
    String,
    BitField,
    Opaque,
    Compound,
    Reference,
    Enumerated,
    VariableLength,
    Array,
}
