namespace UnetResnet.Weights.Hdf5;

/// <summary>A group or a dataset: the messages of its header, and what they say.</summary>
internal sealed class Hdf5Object
{
    /// <summary>Far above what any object needs.</summary>
    private const int MaximumMessages = 100_000;

    private readonly Hdf5File file;
    private readonly List<Hdf5Message> messages;
    private Dictionary<string, Hdf5Link>? links;
    private Dictionary<string, Hdf5Attribute>? attributes;

    private Hdf5Object(Hdf5File file, List<Hdf5Message> messages) => (this.file, this.messages) = (file, messages);

    /// <summary>Whether it has links to others.</summary>
    internal bool IsGroup => messages.Any(m => m.Type is MessageType.SymbolTable or MessageType.LinkInfo or MessageType.Link);

    /// <summary>What a dataset holds; null for a group.</summary>
    /// <exception cref="InvalidDataException">The description is damaged or not understood.</exception>
    internal Hdf5Data? Data => messages.Any(m => m.Type == MessageType.Layout) ? Hdf5Data.Read(file, messages) : null;

    private Dictionary<string, Hdf5Link> Links => links ??= Hdf5Link.Read(file, messages);

    /// <summary>Reads a header of version 1 or 2 with its continuations.</summary>
    internal static Hdf5Object Read(Hdf5File file, ulong address)
    {
        bool old = file.Structure(address, 1)[0] == 1;
        var start = new ByteReader(file.Structure(address, old ? 16ul : 6));
        var blocks = new Queue<(ulong Address, ulong Size)>();
        int extra = 0;
        if (old)
        {
            start.Skip(8);
            blocks.Enqueue((address + 16, start.UInt32()));
        }
        else
        {
            start.Signature("OHDR"u8);
            if (start.Byte() is var version and not 2) throw new InvalidDataException($"an object header has version {version}, and known are 1 and 2");
            int flags = start.Byte(), sizeBytes = 1 << (flags & 3);
            extra = (flags & 4) != 0 ? 2 : 0;
            ulong at = address + 6 + ((flags & 0x20) != 0 ? 16ul : 0) + ((flags & 0x10) != 0 ? 4ul : 0);
            blocks.Enqueue((at + (ulong)sizeBytes, new ByteReader(file.Structure(at, (ulong)sizeBytes)).Number(sizeBytes)));
        }

        var messages = new List<Hdf5Message>();
        var seen = new HashSet<ulong>();
        for (bool first = true; blocks.TryDequeue(out var block); first = false)
        {
            if (!seen.Add(block.Address)) throw new InvalidDataException("an object header runs in circles");
            var reader = new ByteReader(file.Structure(block.Address, block.Size));
            if (!old && !first)
            {
                // A continuation has a signature before, and a checksum after.
                reader.Signature("OCHK"u8);
                if (reader.Left < 4) throw new InvalidDataException("a continued object header has no checksum");
                reader = new ByteReader(reader.Bytes((ulong)reader.Left - 4));
            }

            while (reader.Left >= (old ? 8 : 4 + extra))
            {
                var type = (MessageType)(old ? reader.UInt16() : reader.Byte());
                ulong size = reader.UInt16();
                byte flags = reader.Byte();
                reader.Skip(old ? 3 : (ulong)extra);
                ReadOnlySpan<byte> body = reader.Bytes(size);
                if (type != MessageType.Continuation)
                {
                    if (messages.Count == MaximumMessages) throw new InvalidDataException($"an object has more than {MaximumMessages} messages");
                    messages.Add(new Hdf5Message(type, (flags & 2) != 0, body.ToArray()));
                    continue;
                }

                var where = new ByteReader(body);
                blocks.Enqueue((where.UInt64(), where.UInt64()));
            }
        }

        return new Hdf5Object(file, messages);
    }

    /// <summary>The object that a path leads to, or null.</summary>
    /// <param name="path">Names with '/' between; from the root if it starts with one.</param>
    /// <exception cref="InvalidDataException">A link leads out of the file, or in circles.</exception>
    internal Hdf5Object? Child(string path)
    {
        Hdf5Object? at = path.StartsWith('/') ? file.Root : this;
        foreach (string name in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            if (!at.IsGroup || !at.Links.TryGetValue(name, out Hdf5Link? link)) return null;
            if (link.External is not null)
                throw new NotSupportedException($"the link '{name}' leads into another file ({link.External}), and such links are not followed: a file from a stranger could name any other. Copy the data into this file, in h5py with copy(…, expand_external=True).");
            if (link.Soft is not null) file.FollowSoftLink();
            at = link.Soft is null ? file.Object(link.Address) : at.Child(link.Soft);
            if (at is null) return null;
        }

        return at;
    }

    /// <summary>The attribute of a name, or null.</summary>
    internal Hdf5Attribute? Attribute(string name)
    {
        attributes ??= Hdf5Attribute.Read(file, messages);
        return attributes.GetValueOrDefault(name);
    }
}
