using System.Buffers.Binary;
using System.Text;

namespace UnetResnet.Weights.Onnx;

/// <summary>
/// A message of Protocol Buffers to be written: its fields in the order in which they were added. Long contents are written when their turn comes, so that the weights of a
/// network are never in memory twice; only their length must be known before.
/// </summary>
/// <remarks>Source: protobuf.dev, "Encoding". Wire types 0 (varint), 2 (length and bytes) and 5 (four bytes) are all that ONNX needs.</remarks>
internal sealed class ProtoMessage
{
    private const int Varint = 0, Bytes = 2, FourBytes = 5;
    private readonly List<(byte[] Head, Action<Stream>? Content)> fields = [];

    /// <summary>Bytes of the message.</summary>
    internal long Size { get; private set; }

    /// <summary>A whole number or an enumeration's value.</summary>
    internal ProtoMessage Add(int field, long value) => Put([.. Number((ulong)(field << 3 | Varint)), .. Number((ulong)value)]);

    /// <summary>A number in single precision.</summary>
    internal ProtoMessage Add(int field, float value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteSingleLittleEndian(bytes, value);
        return Put([.. Number((ulong)(field << 3 | FourBytes)), .. bytes]);
    }

    /// <summary>A text in UTF-8.</summary>
    internal ProtoMessage Add(int field, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        return Put([.. Head(field, bytes.Length), .. bytes]);
    }

    /// <summary>A message, which must be complete: fields that are added to it later would be missing in the length.</summary>
    internal ProtoMessage Add(int field, ProtoMessage message) => Add(field, message.Size, message.WriteTo);

    /// <summary>Bytes that are written later.</summary>
    /// <param name="field">Number of the field.</param>
    /// <param name="length">How many.</param>
    /// <param name="write">Writes exactly so many.</param>
    internal ProtoMessage Add(int field, long length, Action<Stream> write)
    {
        Size += length;
        return Put(Head(field, length), write);
    }

    /// <summary>Writes the message.</summary>
    internal void WriteTo(Stream stream)
    {
        foreach ((byte[] head, Action<Stream>? content) in fields)
        {
            stream.Write(head);
            content?.Invoke(stream);
        }
    }

    private static byte[] Head(int field, long length) => [.. Number((ulong)(field << 3 | Bytes)), .. Number((ulong)length)];

    /// <summary>Seven bits a byte, the lowest first; the eighth says that more follow.</summary>
    private static List<byte> Number(ulong value)
    {
        var bytes = new List<byte>(10);
        for (; value >= 0x80; value >>= 7) bytes.Add((byte)(value | 0x80));
        bytes.Add((byte)value);
        return bytes;
    }

    private ProtoMessage Put(byte[] head, Action<Stream>? content = null)
    {
        Size += head.Length;
        fields.Add((head, content));
        return this;
    }
}
