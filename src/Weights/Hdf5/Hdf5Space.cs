namespace UnetResnet.Weights.Hdf5;

/// <summary>The dimensions of a dataset or an attribute.</summary>
internal static class Hdf5Space
{
    /// <summary>HDF5's own limit.</summary>
    private const int MaximumRank = 32;

    /// <summary>Reads dimensions: none for a scalar, one of 0 for the null space.</summary>
    internal static ulong[] Read(ReadOnlySpan<byte> body)
    {
        var reader = new ByteReader(body);
        byte version = reader.Byte();
        byte rank = reader.Byte();
        reader.Skip(1);
        if (version is not (1 or 2)) throw new InvalidDataException($"a dataspace has version {version}, and known are 1 and 2");
        if (rank > MaximumRank) throw new InvalidDataException($"a dataspace has {rank} dimensions, and {MaximumRank} is the most");
        byte kind = reader.Byte();
        if (version == 2 && kind == 2) return [0];
        if (version == 1) reader.Skip(4);
        var dimensions = new ulong[rank];
        for (int i = 0; i < rank; i++) dimensions[i] = reader.UInt64();
        return dimensions;
    }
}
