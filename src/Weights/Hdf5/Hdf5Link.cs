using System.Text;

namespace UnetResnet.Weights.Hdf5;

/// <summary>Where a name in a group leads.</summary>
/// <param name="Address">The object's address, if it is neither of the others.</param>
/// <param name="Soft">A path within the file.</param>
/// <param name="External">File and path outside.</param>
internal sealed record Hdf5Link(ulong Address, string? Soft = null, string? External = null)
{
    /// <summary>All links of a group by name.</summary>
    internal static Dictionary<string, Hdf5Link> Read(Hdf5File file, IReadOnlyList<Hdf5Message> messages)
    {
        var links = new Dictionary<string, Hdf5Link>();
        if (Hdf5Message.Find(messages, MessageType.SymbolTable) is { } table)
        {
            var reader = new ByteReader(table.Body);
            ulong tree = reader.UInt64();
            ReadSymbolTable(file, tree, LocalHeap(file, reader.UInt64()), links);
        }

        if (Hdf5Message.Find(messages, MessageType.LinkInfo) is { } info)
        {
            var reader = new ByteReader(info.Body);
            reader.Skip(1);
            if ((reader.Byte() & 1) != 0) reader.Skip(8);
            if (reader.UInt64() != Hdf5File.Undefined) throw new NotSupportedException("a group keeps its links in a fractal heap, which is not supported. Write the file again in h5py without libver='latest' and track_order.");
        }

        foreach (Hdf5Message message in messages.Where(m => m.Type == MessageType.Link)) Add(links, ReadCompact(message.Body));
        return links;
    }

    private static void Add(Dictionary<string, Hdf5Link> links, (string Name, Hdf5Link Link) entry)
    {
        if (!links.TryAdd(entry.Name, entry.Link)) throw new InvalidDataException($"a group has two links '{entry.Name}'");
    }

    private static (string, Hdf5Link) ReadCompact(byte[] body)
    {
        var reader = new ByteReader(body);
        reader.Skip(1);
        byte flags = reader.Byte();
        byte type = (flags & 8) != 0 ? reader.Byte() : (byte)0;
        if ((flags & 4) != 0) reader.Skip(8);
        if ((flags & 16) != 0) reader.Skip(1);
        string name = Encoding.UTF8.GetString(reader.Bytes(reader.Number(1 << (flags & 3))));
        if (type == 0) return (name, new Hdf5Link(reader.UInt64()));
        var value = new ByteReader(reader.Bytes(reader.UInt16()));
        switch (type)
        {
            case 1:
                return (name, new Hdf5Link(0, Soft: Encoding.UTF8.GetString(value.Bytes((ulong)value.Left))));
            case 64:
                value.Skip(1);
                return (name, new Hdf5Link(0, External: $"'{value.Text()}' at '{value.Text()}'"));
            default:
                throw new InvalidDataException($"its link '{name}' is of type {type}, and known are 0 (hard), 1 (soft) and 64 (external)");
        }
    }

    /// <summary>The data segment of a local heap: the names of a group.</summary>
    private static byte[] LocalHeap(Hdf5File file, ulong address)
    {
        var reader = new ByteReader(file.Structure(address, 32));
        reader.Signature("HEAP"u8);
        reader.Skip(4);
        ulong size = reader.UInt64();
        reader.Skip(8);
        return file.Structure(reader.UInt64(), size);
    }

    private static void ReadSymbolTable(Hdf5File file, ulong root, byte[] names, Dictionary<string, Hdf5Link> links)
    {
        foreach ((_, ulong address) in Hdf5Tree.Leaves(file, root, type: 0, keySize: 8))
        {
            var header = new ByteReader(file.Structure(address, 8));
            header.Signature("SNOD"u8);
            header.Skip(2);
            ulong count = header.UInt16();
            var entries = new ByteReader(file.Structure(address + 8, count * 40));
            for (ulong i = 0; i < count; i++)
            {
                string name = Text(names, entries.UInt64());
                ulong target = entries.UInt64();
                uint kind = entries.UInt32();
                entries.Skip(4);
                var scratch = new ByteReader(entries.Bytes(16));
                Add(links, (name, kind == 2 ? new Hdf5Link(0, Soft: Text(names, scratch.UInt32())) : new Hdf5Link(target)));
            }
        }
    }

    private static string Text(byte[] names, ulong offset)
    {
        var reader = new ByteReader(names);
        reader.Skip(offset);
        return reader.Text();
    }
}
