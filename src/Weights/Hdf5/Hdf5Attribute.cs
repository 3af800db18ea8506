using System.Text;

namespace UnetResnet.Weights.Hdf5;

/// <summary>An attribute: dimensions, type and bytes.</summary>
internal sealed record Hdf5Attribute(Hdf5File File, string Name, Hdf5Type Type, ulong[] Dimensions, byte[] Bytes)
{
    /// <summary>All attributes of an object by name.</summary>
    internal static Dictionary<string, Hdf5Attribute> Read(Hdf5File file, IReadOnlyList<Hdf5Message> messages)
    {
        if (Hdf5Message.Find(messages, MessageType.AttributeInfo) is { } info)
        {
            var reader = new ByteReader(info.Body);
            reader.Skip(1);
            if ((reader.Byte() & 1) != 0) reader.Skip(2);
            if (reader.UInt64() != Hdf5File.Undefined) throw new NotSupportedException("an object keeps its attributes in a fractal heap, which is not supported. Write the file again in h5py without libver='latest' and track_order.");
        }

        var attributes = new Dictionary<string, Hdf5Attribute>();
        foreach (Hdf5Message message in messages.Where(m => m.Type == MessageType.Attribute))
        {
            if (message.Shared) throw new InvalidDataException("an object shares an attribute with others, which is not supported");
            Hdf5Attribute attribute = Read(file, message.Body);
            if (!attributes.TryAdd(attribute.Name, attribute)) throw new InvalidDataException($"an object has two attributes '{attribute.Name}'");
        }

        return attributes;
    }

    /// <summary>The texts that it holds, one for a scalar.</summary>
    /// <exception cref="InvalidDataException">It holds something else.</exception>
    internal string[] Texts()
    {
        // h5py writes an empty list as an empty array of numbers.
        if (Dimensions.Contains(0ul)) return [];
        if (Type.Class is not (Hdf5Class.String or Hdf5Class.VariableLength) || !Type.Standard)
            throw new InvalidDataException($"its attribute '{Name}' holds {Type.Class} of {Type.Size} bytes, and text is expected");
        ulong room = (ulong)(Bytes.Length / Type.Size), count = 1;
        foreach (ulong d in Dimensions) count = d > room / count ? ulong.MaxValue : count * d;
        if (count > room) throw new InvalidDataException($"its attribute '{Name}' claims more texts than it has bytes for");
        var texts = new string[count];
        for (int i = 0; i < texts.Length; i++) texts[i] = Text(Bytes.AsSpan(i * Type.Size, Type.Size));
        return texts;
    }

    private string Text(ReadOnlySpan<byte> element)
    {
        if (Type.Class == Hdf5Class.VariableLength)
        {
            var reference = new ByteReader(element);
            ulong length = reference.UInt32(), heap = reference.UInt64();
            if (length == 0) return "";
            var kept = new ByteReader(File.HeapObject(heap, reference.UInt32()));
            element = kept.Bytes(length);
        }

        int end = element.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? element : element[..end]);
    }

    private static Hdf5Attribute Read(Hdf5File file, byte[] body)
    {
        var reader = new ByteReader(body);
        byte version = reader.Byte(), flags = reader.Byte();
        if (version is < 1 or > 3) throw new InvalidDataException($"an attribute has version {version}, and known are 1 to 3");
        (ulong nameSize, ulong typeSize, ulong spaceSize) = (reader.UInt16(), reader.UInt16(), reader.UInt16());
        if (version == 3) reader.Skip(1);
        // The first version fills up to multiples of 8.
        ulong Padded(ulong size) => version == 1 ? (size + 7) / 8 * 8 : size;
        ReadOnlySpan<byte> nameBytes = reader.Bytes(Padded(nameSize));
        int end = nameBytes.IndexOf((byte)0);
        string name = Encoding.UTF8.GetString(end < 0 ? nameBytes : nameBytes[..end]);
        if (version > 1 && flags != 0) throw new InvalidDataException($"attribute '{name}' shares its type with others, which is not supported");
        var typeReader = new ByteReader(reader.Bytes(Padded(typeSize)));
        ReadOnlySpan<byte> space = reader.Bytes(Padded(spaceSize));
        return new Hdf5Attribute(file, name, Hdf5Type.Read(ref typeReader), Hdf5Space.Read(space), reader.Bytes((ulong)reader.Left).ToArray());
    }
}
