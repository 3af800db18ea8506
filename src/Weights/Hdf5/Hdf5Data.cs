namespace UnetResnet.Weights.Hdf5;

/// <summary>How a dataset's numbers are stored.</summary>
internal enum Hdf5Storage
{
    Compact,
    Contiguous,
    Chunked,

    /// <summary>In other files: external raw data or a virtual dataset. Never followed.</summary>
    Elsewhere,
}

/// <summary>The numbers of a dataset: their shape and type, and where they are.</summary>
internal sealed class Hdf5Data
{
    private readonly Hdf5File file;
    private readonly byte[] compact = [];
    private readonly ulong address;
    private readonly Hdf5Chunks? chunks;

    private Hdf5Data(Hdf5File file, IReadOnlyList<Hdf5Message> messages)
    {
        this.file = file;
        Dimensions = Hdf5Space.Read(Need(messages, MessageType.Dataspace).Body);
        var typeReader = new ByteReader(Need(messages, MessageType.Datatype).Body);
        Type = Hdf5Type.Read(ref typeReader);

        var reader = new ByteReader(Need(messages, MessageType.Layout).Body);
        byte version = reader.Byte(), kind = reader.Byte();
        if (version is not (3 or 4)) throw new InvalidDataException($"a dataset has a layout of version {version}, and known are 3 and 4");
        if (kind > 3) throw new InvalidDataException($"a dataset has layout {kind}, which does not exist");
        Storage = messages.Any(m => m.Type == MessageType.ExternalFiles) ? Hdf5Storage.Elsewhere : (Hdf5Storage)kind;
        switch (Storage)
        {
            case Hdf5Storage.Compact:
                compact = reader.Bytes(reader.UInt16()).ToArray();
                break;
            case Hdf5Storage.Contiguous:
                address = reader.UInt64();
                break;
            case Hdf5Storage.Chunked when version == 4:
                throw new NotSupportedException("a dataset has chunks of the newest layout, which is not supported. Write the file again in h5py without libver='latest'.");
            case Hdf5Storage.Chunked:
                chunks = new Hdf5Chunks(file, reader.Bytes((ulong)reader.Left), Dimensions, Type.Size, Hdf5Message.Find(messages, MessageType.Filters));
                break;
        }
    }

    /// <summary>Shape; empty for a scalar.</summary>
    internal ulong[] Dimensions { get; }

    /// <summary>Type of the elements.</summary>
    internal Hdf5Type Type { get; }

    /// <summary>How they are stored.</summary>
    internal Hdf5Storage Storage { get; }

    /// <summary>Bytes that reading has to do with: those of the numbers, and where chunks reach over the edge those as well.</summary>
    /// <exception cref="OverflowException">More than there are numbers for.</exception>
    internal long Bytes => checked((long)(chunks?.Bytes ?? Dimensions.Aggregate((ulong)Type.Size, (product, d) => checked(product * d))));

    internal static Hdf5Data Read(Hdf5File file, IReadOnlyList<Hdf5Message> messages) => new(file, messages);

    /// <summary>Reads all numbers in C order, the lowest byte first.</summary>
    /// <param name="target">Room for exactly them.</param>
    internal void Read(Span<byte> target)
    {
        switch (Storage)
        {
            case Hdf5Storage.Compact when compact.Length == target.Length:
                compact.CopyTo(target);
                break;
            case Hdf5Storage.Compact:
                throw new InvalidDataException($"a dataset has {compact.Length} bytes where its shape asks for {target.Length}");
            case Hdf5Storage.Contiguous when address == Hdf5File.Undefined:
                throw new InvalidDataException("a dataset was never written");
            case Hdf5Storage.Contiguous:
                file.ReadNumbers(address, target);
                break;
            case Hdf5Storage.Chunked:
                chunks!.Read(target);
                break;
            default:
                throw new InvalidDataException("a dataset lies in another file");
        }

        if (!Type.BigEndian) return;
        for (int at = 0; at < target.Length; at += Type.Size) target.Slice(at, Type.Size).Reverse();
    }

    private static Hdf5Message Need(IEnumerable<Hdf5Message> messages, MessageType type) =>
        Hdf5Message.Find(messages, type) ?? throw new InvalidDataException($"a dataset has no {type}");
}
