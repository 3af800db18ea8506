using System.IO.Compression;

namespace UnetResnet.Weights.Hdf5;

/// <summary>The chunks of a dataset, found by a B-tree of version 1, with the filters that h5py offers without plug-ins.</summary>
internal sealed class Hdf5Chunks
{
    private const int Gzip = 1, Shuffle = 2, Fletcher32 = 3;

    private readonly Hdf5File file;
    private readonly ulong tree;
    private readonly ulong[] shape;
    private readonly ulong[] sides;
    private readonly int elementSize;
    private readonly int[] filters;

    internal Hdf5Chunks(Hdf5File file, ReadOnlySpan<byte> layout, ulong[] shape, int elementSize, Hdf5Message? pipeline)
    {
        (this.file, this.shape, this.elementSize) = (file, shape, elementSize);
        var reader = new ByteReader(layout);
        int rank = reader.Byte() - 1;
        if (rank != shape.Length || rank < 1) throw new InvalidDataException($"a dataset of {shape.Length} dimensions has chunks of {rank}");
        tree = reader.UInt64();
        sides = new ulong[rank];
        for (int d = 0; d < rank; d++)
            if ((sides[d] = reader.UInt32()) == 0) throw new InvalidDataException("a dataset has chunks of length 0");
        filters = pipeline is null ? [] : ReadFilters(pipeline.Body);
    }

    /// <summary>Bytes of all chunks that the shape needs.</summary>
    internal ulong Bytes => shape.Zip(sides, (d, side) => checked((d + side - 1) / side * side)).Aggregate((ulong)elementSize, (product, d) => checked(product * d));

    /// <summary>Puts all chunks where they belong. Their bytes have been allowed by the caller.</summary>
    internal void Read(Span<byte> target)
    {
        if (tree == Hdf5File.Undefined) throw new InvalidDataException("a dataset was never written");
        int rank = shape.Length;
        int bytes = checked((int)sides.Aggregate((ulong)elementSize, (product, side) => checked(product * side)));
        ulong expected = shape.Zip(sides, (d, side) => (d + side - 1) / side).Aggregate(1ul, (product, count) => product * count);
        var seen = new HashSet<string>();
        foreach ((byte[] key, ulong address) in Hdf5Tree.Leaves(file, tree, type: 1, keySize: 8 + 8 * (rank + 1)))
        {
            var reader = new ByteReader(key);
            (uint stored, uint skipped) = (reader.UInt32(), reader.UInt32());
            var offset = new ulong[rank];
            for (int d = 0; d < rank; d++) offset[d] = reader.UInt64();
            if (offset.Where((o, d) => o >= shape[d] || o % sides[d] != 0).Any() || !seen.Add(string.Join(',', offset)))
                throw new InvalidDataException($"a dataset has a chunk at ({string.Join(", ", offset)}), where none belongs or one is already");
            file.Check(address, stored);
            if (filters.Length == 0 && stored != bytes) throw new InvalidDataException($"a chunk has {stored} bytes instead of {bytes}");
            var content = new byte[stored];
            file.ReadNumbers(address, content);
            Place(Unfilter(content, skipped, bytes), offset, target);
        }

        if ((ulong)seen.Count != expected) throw new InvalidDataException($"a dataset has {seen.Count} of {expected} chunks: the others were never written");
    }

    private static int[] ReadFilters(byte[] body)
    {
        var reader = new ByteReader(body);
        byte version = reader.Byte();
        var filters = new int[reader.Byte()];
        if (version is not (1 or 2)) throw new InvalidDataException($"a filter pipeline has version {version}, and known are 1 and 2");
        if (version == 1) reader.Skip(6);
        for (int i = 0; i < filters.Length; i++)
        {
            filters[i] = reader.UInt16();
            if (filters[i] is not (Gzip or Shuffle or Fletcher32))
                throw new InvalidDataException($"a dataset is compressed with filter {filters[i]}, and known are {Gzip} (gzip), {Shuffle} (shuffle) and {Fletcher32} (Fletcher32). Write it without compression");
            ulong name = version == 1 ? reader.UInt16() : 0ul;
            reader.Skip(2);
            ulong values = reader.UInt16();
            reader.Skip((name + 7) / 8 * 8 + 4 * values + (version == 1 && values % 2 == 1 ? 4ul : 0));
        }

        return filters;
    }

    /// <summary>Undoes the filters, the last one first.</summary>
    private byte[] Unfilter(byte[] content, uint skipped, int bytes)
    {
        for (int i = filters.Length - 1; i >= 0; i--)
        {
            if ((skipped >> i & 1) != 0) continue;
            content = filters[i] switch
            {
                Gzip => Inflate(content, checked(bytes + 4 * filters.Length)),
                Shuffle => Unshuffle(content),
                // The checksum of HDF5's own format is not needed to read.
                _ => content.Length >= 4 ? content[..^4] : throw new InvalidDataException("a chunk is shorter than its checksum"),
            };
        }

        return content.Length == bytes ? content : throw new InvalidDataException($"a chunk has {content.Length} bytes instead of {bytes}");
    }

    private static byte[] Inflate(byte[] content, int most)
    {
        using var inflater = new ZLibStream(new MemoryStream(content), CompressionMode.Decompress);
        var bytes = new byte[most + 1];
        int read = inflater.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        return read <= most ? bytes[..read] : throw new InvalidDataException("a chunk unpacks to more than its size");
    }

    /// <summary>First the lowest bytes of all elements, then the second …; back to elements.</summary>
    private byte[] Unshuffle(byte[] content)
    {
        var elements = new byte[content.Length];
        int count = content.Length / elementSize;
        for (int b = 0, from = 0; b < elementSize; b++)
            for (int i = 0; i < count; i++) elements[i * elementSize + b] = content[from++];
        content.AsSpan(count * elementSize).CopyTo(elements.AsSpan(count * elementSize));
        return elements;
    }

    /// <summary>Copies row by row; what reaches over the edge is left out.</summary>
    private void Place(byte[] chunk, ulong[] offset, Span<byte> target)
    {
        int rank = shape.Length;
        ulong[] inside = [.. shape.Select((d, i) => Math.Min(sides[i], d - offset[i]))];
        var index = new ulong[rank];
        while (true)
        {
            ulong from = 0, to = 0;
            for (int d = 0; d < rank; d++) (from, to) = (from * sides[d] + index[d], to * shape[d] + offset[d] + index[d]);
            chunk.AsSpan((int)from * elementSize, (int)inside[^1] * elementSize).CopyTo(target[((int)to * elementSize)..]);
            int next = rank - 2;
            while (next >= 0 && ++index[next] == inside[next]) index[next--] = 0;
            if (next < 0) return;
        }
    }
}
