using System.Buffers.Binary;
using System.Text;

namespace UnetResnet.Weights.Hdf5;

/// <summary>Little-endian numbers one after the other, never past the end.</summary>
/// <param name="bytes">What is read.</param>
internal ref struct ByteReader(ReadOnlySpan<byte> bytes)
{
    /// <summary>Far above any name in a weights file.</summary>
    private const int MaximumName = 4096;

    private ReadOnlySpan<byte> left = bytes;

    /// <summary>Bytes not read yet.</summary>
    internal readonly int Left => left.Length;

    /// <summary>The next bytes.</summary>
    /// <exception cref="InvalidDataException">There are not so many.</exception>
    internal ReadOnlySpan<byte> Bytes(ulong count)
    {
        if (count > (ulong)left.Length) throw new InvalidDataException("one of its structures ends too early");
        ReadOnlySpan<byte> taken = left[..(int)count];
        left = left[(int)count..];
        return taken;
    }

    internal void Skip(ulong count) => Bytes(count);

    internal byte Byte() => Bytes(1)[0];

    internal ushort UInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Bytes(2));

    internal uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Bytes(4));

    internal ulong UInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Bytes(8));

    /// <summary>A number of 1, 2, 4 or 8 bytes.</summary>
    internal ulong Number(int size) => size switch { 1 => Byte(), 2 => UInt16(), 4 => UInt32(), _ => UInt64() };

    /// <summary>Four letters that mark a structure.</summary>
    /// <exception cref="InvalidDataException">Something else stands there.</exception>
    internal void Signature(ReadOnlySpan<byte> letters)
    {
        if (!Bytes(4).SequenceEqual(letters)) throw new InvalidDataException($"a structure marked {Encoding.ASCII.GetString(letters)} is not where it should be");
    }

    /// <summary>Text up to the first zero byte, which is read too.</summary>
    internal string Text()
    {
        int end = left[..Math.Min(left.Length, MaximumName)].IndexOf((byte)0);
        if (end < 0) throw new InvalidDataException($"one of its names does not end within {MaximumName} bytes");
        string text = Encoding.UTF8.GetString(left[..end]);
        left = left[(end + 1)..];
        return text;
    }
}
