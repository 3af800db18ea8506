using System.Text;

namespace UnetResnet.Weights.Hdf5;

/// <summary>
/// Writes groups, lists of texts as attributes, and arrays of float32: superblock 0, object headers of version 1, links in the header, contiguous data. HDF5 1.8 (2008) and later read it. What
/// is written first lies first; an object is written before the group that has a link to it, and the root group last.
/// </summary>
/// <remarks>Source: HDF5 File Format Specification, version 3.0. A message takes at most 65535 bytes, which the 320 names of ResNet50's weights are far from.</remarks>
internal sealed class Hdf5Writer : IDisposable
{
    private const int SuperblockSize = 96;

    private readonly BinaryWriter writer;

    /// <summary>Begins a file.</summary>
    /// <param name="stream">An empty one that can seek. The caller keeps it.</param>
    internal Hdf5Writer(Stream stream)
    {
        writer = new BinaryWriter(stream, Encoding.UTF8, leaveOpen: true);
        writer.Write(new byte[SuperblockSize]);
    }

    private ulong Position => (ulong)writer.BaseStream.Position;

    /// <summary>Writes an array.</summary>
    /// <param name="bytes">Its numbers, float32, the last dimension fastest.</param>
    /// <param name="shape">Its dimensions.</param>
    /// <returns>Its address.</returns>
    internal ulong Dataset(ReadOnlySpan<byte> bytes, long[] shape)
    {
        ulong data = Position;
        writer.Write(bytes);
        writer.Write(new byte[Padding(bytes.Length)]);
        ulong length = (ulong)bytes.Length;
        return Object(
            (MessageType.Dataspace, Dataspace(shape)),
            (MessageType.Datatype, Float32),
            // Version 2, space at once, written if set, none set.
            (MessageType.FillValue, [2, 1, 2, 0]),
            // Version 3, contiguous.
            (MessageType.Layout, Bytes(w => { w.Write((byte)3); w.Write((byte)1); w.Write(data); w.Write(length); })));
    }

    /// <summary>Writes a group.</summary>
    /// <param name="links">Names and addresses of what is in it.</param>
    /// <param name="attribute">Name of its attribute.</param>
    /// <param name="texts">The attribute's value, at least one text.</param>
    /// <returns>Its address.</returns>
    internal ulong Group(IEnumerable<(string Name, ulong Address)> links, string attribute, IReadOnlyList<string> texts) => Object(
    [
        // Version 0, no order of creation, and no heap: the links are the messages that follow.
        (MessageType.LinkInfo, Bytes(w => { w.Write((ushort)0); w.Write(Hdf5File.Undefined); w.Write(Hdf5File.Undefined); })),
        (MessageType.GroupInfo, [0, 0]),
        .. links.Select(l => (MessageType.Link, Link(l.Name, l.Address))),
        (MessageType.Attribute, Attribute(attribute, texts)),
    ]);

    /// <summary>Ends the file: its beginning says where the root group and the end are.</summary>
    internal void Finish(ulong root)
    {
        ulong end = Position;
        writer.BaseStream.Position = 0;
        writer.Write(Hdf5File.Signature);
        // Versions 0; addresses and lengths of 8 bytes; the usual sizes of symbol tables, of which there are none.
        writer.Write([0, 0, 0, 0, 0, 8, 8, 0, 4, 0, 16, 0, 0, 0, 0, 0]);
        writer.Write(0ul);
        writer.Write(Hdf5File.Undefined);
        writer.Write(end);
        writer.Write(Hdf5File.Undefined);
        // The root group: no name, address, nothing cached.
        writer.Write(0ul);
        writer.Write(root);
        writer.Write(new byte[24]);
        writer.BaseStream.Position = (long)end;
    }

    /// <inheritdoc/>
    public void Dispose() => writer.Dispose();

    private ulong Object(params IReadOnlyList<(MessageType Type, byte[] Body)> messages)
    {
        ulong address = Position;
        writer.Write((ushort)1);
        writer.Write((ushort)messages.Count);
        writer.Write(1u);
        writer.Write((uint)messages.Sum(m => 8 + m.Body.Length + Padding(m.Body.Length)));
        writer.Write(0u);
        foreach ((MessageType type, byte[] body) in messages)
        {
            writer.Write((ushort)type);
            writer.Write(checked((ushort)(body.Length + Padding(body.Length))));
            writer.Write(0u);
            writer.Write(body);
            writer.Write(new byte[Padding(body.Length)]);
        }

        return address;
    }

    private static byte[] Dataspace(params long[] shape) => Bytes(w =>
    {
        w.Write((byte)1);
        w.Write((byte)shape.Length);
        w.Write(new byte[6]);
        foreach (long side in shape) w.Write(side);
    });

    /// <summary>IEEE, little-endian: sign bit 31, exponent of 8 bits from 23 with bias 127, mantissa of 23 bits with an implied 1.</summary>
    private static byte[] Float32 => [0x11, 0x20, 31, 0, 4, 0, 0, 0, 0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0, 0];

    /// <summary>Texts of one length, filled up with zeros: what h5py writes from a NumPy array of bytes.</summary>
    private static byte[] Attribute(string name, IReadOnlyList<string> texts) => Bytes(w =>
    {
        byte[][] encoded = [.. texts.Select(Encoding.ASCII.GetBytes)];
        int length = encoded.Max(t => t.Length);
        byte[] label = [.. Encoding.ASCII.GetBytes(name), 0];
        byte[] type = Bytes(t => { t.Write(0x0113u); t.Write(length); });
        byte[] space = Dataspace(texts.Count);
        w.Write((ushort)1);
        w.Write((ushort)label.Length);
        w.Write((ushort)type.Length);
        w.Write((ushort)space.Length);
        foreach (byte[] part in new[] { label, type, space })
        {
            w.Write(part);
            w.Write(new byte[Padding(part.Length)]);
        }

        foreach (byte[] text in encoded)
        {
            w.Write(text);
            w.Write(new byte[length - text.Length]);
        }
    });

    private static byte[] Link(string name, ulong address) => Bytes(w =>
    {
        byte[] label = Encoding.ASCII.GetBytes(name);
        // Version 1, a hard link whose name's length takes one byte.
        w.Write((ushort)1);
        w.Write(checked((byte)label.Length));
        w.Write(label);
        w.Write(address);
    });

    private static int Padding(int length) => (8 - length % 8) % 8;

    private static byte[] Bytes(Action<BinaryWriter> write)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        write(writer);
        writer.Flush();
        return stream.ToArray();
    }
}
