namespace UnetResnet.Weights.Hdf5;

/// <summary>
/// Reads the part of HDF5 that weights files use, and trusts none of it: every address and length is checked against the file before anything is allocated,
/// reading is limited so that structures which run in circles end, and nothing leads out of the file.
/// </summary>
/// <remarks>
/// Read are superblocks 0 to 3, object headers 1 and 2, symbol tables and compact links, attributes in the header, compact, contiguous and chunked data (with
/// gzip, shuffle and Fletcher32): all that h5py, Keras and PureHDF write by default. Groups and attributes in fractal heaps, which h5py writes with
/// <c>libver='latest'</c> only, are refused with that reason. Source: HDF5 File Format Specification, version 3.0.
/// </remarks>
internal sealed class Hdf5File : IDisposable
{
    /// <summary>The address of what is not there.</summary>
    internal const ulong Undefined = ulong.MaxValue;

    /// <summary>Structure, not numbers: ResNet50 has half a megabyte of it.</summary>
    private const long MaximumStructure = 64 << 20;

    /// <summary>What a read costs besides its bytes, so that many small ones end too.</summary>
    private const int CostOfRead = 256;

    private readonly FileStream stream;
    private readonly Dictionary<ulong, Hdf5Object> objects = [];
    private readonly Dictionary<ulong, Dictionary<uint, byte[]>> heaps = [];
    private long structureLeft = MaximumStructure;
    private int softLinksLeft = 1000;

    private Hdf5File(FileStream stream)
    {
        this.stream = stream;
        Root = Object(RootAddress());
    }

    /// <summary>The first eight bytes of every file.</summary>
    internal static ReadOnlySpan<byte> Signature => [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A];

    /// <summary>The root group.</summary>
    internal Hdf5Object Root { get; }

    /// <summary>Opens a file.</summary>
    /// <exception cref="InvalidDataException">It is not HDF5, or damaged.</exception>
    internal static Hdf5File Open(string path)
    {
        FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1);
        try
        {
            return new Hdf5File(stream);
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => stream.Dispose();

    /// <summary>The object at an address; the same one every time.</summary>
    internal Hdf5Object Object(ulong address)
    {
        if (!objects.TryGetValue(address, out Hdf5Object? known)) objects.Add(address, known = Hdf5Object.Read(this, address));
        return known;
    }

    /// <summary>A piece of structure.</summary>
    internal byte[] Structure(ulong address, ulong count)
    {
        Check(address, count);
        if ((structureLeft -= (long)count + CostOfRead) < 0) throw new InvalidDataException("its structure runs in circles");
        var bytes = new byte[count];
        ReadNumbers(address, bytes);
        return bytes;
    }

    /// <summary>Numbers; how many is the caller's care.</summary>
    internal void ReadNumbers(ulong address, Span<byte> target)
    {
        Check(address, (ulong)target.Length);
        stream.Position = (long)address;
        stream.ReadExactly(target);
    }

    /// <summary>Refuses what does not lie within the file.</summary>
    internal void Check(ulong address, ulong count)
    {
        ulong length = (ulong)stream.Length;
        if (address > length || count > length - address) throw new InvalidDataException($"it points to {count} bytes at {address}, and has {length}");
    }

    /// <summary>Counts soft links, which may form circles.</summary>
    internal void FollowSoftLink()
    {
        if (--softLinksLeft < 0) throw new InvalidDataException("its soft links run in circles");
    }

    /// <summary>An object of a global heap, where texts of variable length are kept.</summary>
    internal byte[] HeapObject(ulong address, uint index)
    {
        if (!heaps.TryGetValue(address, out Dictionary<uint, byte[]>? heap)) heaps.Add(address, heap = ReadHeap(address));
        return heap.TryGetValue(index, out byte[]? found) ? found : throw new InvalidDataException($"one of its texts is missing (number {index} of the heap at {address})");
    }

    private Dictionary<uint, byte[]> ReadHeap(ulong address)
    {
        var header = new ByteReader(Structure(address, 16));
        header.Signature("GCOL"u8);
        header.Skip(4);
        ulong size = header.UInt64();
        if (size < 16) throw new InvalidDataException("one of its heaps is smaller than its header");
        var reader = new ByteReader(Structure(address + 16, size - 16));
        var heap = new Dictionary<uint, byte[]>();
        while (reader.Left >= 16)
        {
            uint index = reader.UInt16();
            reader.Skip(6);
            ulong length = reader.UInt64();
            // Number 0 is the room that is left.
            if (index == 0) break;
            byte[] content = reader.Bytes(length).ToArray();
            if (!heap.TryAdd(index, content)) throw new InvalidDataException($"one of its heaps has two texts of number {index}");
            reader.Skip(Math.Min((ulong)reader.Left, (8 - length % 8) % 8));
        }

        return heap;
    }

    private ulong RootAddress()
    {
        var start = new ByteReader(Structure(0, (ulong)Math.Min(stream.Length, 96)));
        if (!start.Bytes(8).SequenceEqual(Signature)) throw new InvalidDataException("it does not begin as HDF5 does");
        byte version = start.Byte();
        if (version > 3) throw new InvalidDataException($"its superblock has version {version}, and known are 0 to 3");
        if (version < 2) start.Skip(4);
        (byte offsets, byte lengths) = (start.Byte(), start.Byte());
        if (offsets != 8 || lengths != 8) throw new InvalidDataException($"its addresses have {offsets} bytes and its lengths {lengths}, and 8 are expected");
        start.Skip(version switch { 0 => 9, 1 => 13, _ => 1 });
        ulong origin = start.UInt64();
        start.Skip(8);
        ulong end = start.UInt64();
        if (origin != 0) throw new InvalidDataException($"its addresses count from {origin} instead of 0");
        if (end > (ulong)stream.Length) throw new InvalidDataException($"it is truncated: {stream.Length} of {end} bytes are there");
        // The driver information and the name of the root group stand before its address in the older ones.
        if (version < 2) start.Skip(16);
        return start.UInt64();
    }
}
