using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;

namespace UnetResnet.Data;

/// <summary>
/// What a PNG or JPEG file says of itself before a pixel is decoded: its size, how it is to be turned, and whether it is there to its end. A decoder asks for memory by that size,
/// and a progressive JPEG that is cut short decodes without an error. Where a file states its size twice, the first one counts, as it does for decoders.
/// </summary>
/// <param name="Width">As stored, before it is turned.</param>
/// <param name="Height">As stored.</param>
/// <param name="Orientation">EXIF 2.3, tag 0x0112, from JPEG's APP1 or PNG's eXIf: 1 to 8; 1 where there is none.</param>
/// <param name="IsComplete">Whether the marker or chunk that ends a file of this kind was found.</param>
internal readonly record struct ImageHeader(int Width, int Height, int Orientation, bool IsComplete)
{
    /// <summary>Width and height once the picture is turned upright.</summary>
    public (int Width, int Height) Upright => Orientation >= 5 ? (Height, Width) : (Width, Height);

    /// <summary>Reads the header.</summary>
    /// <returns>Null where the bytes begin as neither PNG nor JPEG, or name no size.</returns>
    public static ImageHeader? Read(ReadOnlySpan<byte> file)
    {
        ImageHeader? header = file.StartsWith(PngSignature) ? ReadPng(file)
            : file.Length > 2 && file[0] == 0xFF && file[1] == 0xD8 ? ReadJpeg(file)
            : null;
        return header is { Width: > 0, Height: > 0 } ? header : null;
    }

    /// <summary>Reads the header of a file and as little else as possible: of a PNG the beginning of each chunk, of a JPEG what stands before the picture and the last two bytes.</summary>
    /// <returns>As <see cref="Read"/> of the whole file.</returns>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static ImageHeader? ReadFile(string path)
    {
        const int Most = 16 << 10;
        using SafeFileHandle file = File.OpenHandle(path);
        long length = RandomAccess.GetLength(file);
        Span<byte> head = stackalloc byte[(int)Math.Min(length, Most)];
        head = head[..RandomAccess.Read(file, head, 0)];
        if (length <= Most) return Read(head);
        if (head.StartsWith(PngSignature)) return ReadPng(file, length) is { Width: > 0, Height: > 0 } png ? png : null;
        Span<byte> end = stackalloc byte[2];
        // A thumbnail or a colour profile may push the size beyond the beginning, and something may follow the end.
        return head.Length > 2 && head[0] == 0xFF && head[1] == 0xD8 && ReadJpeg(head, toThePicture: true) is { Width: > 0, Height: > 0 } jpeg
            && RandomAccess.Read(file, end, length - 2) == 2 && end.SequenceEqual<byte>([0xFF, 0xD9])
            ? jpeg with { IsComplete = true }
            : Read(File.ReadAllBytes(path));
    }

    private static ImageHeader ReadPng(SafeFileHandle file, long length)
    {
        var header = new ImageHeader(0, 0, 1, false);
        Span<byte> start = stackalloc byte[16];
        for (long at = PngSignature.Length; length - at >= 12;)
        {
            if (RandomAccess.Read(file, start, at) < 12) break;
            uint size = BinaryPrimitives.ReadUInt32BigEndian(start);
            if (size > length - at - 12) break;
            ReadOnlySpan<byte> kind = start.Slice(4, 4);
            if (header.Width == 0 && kind.SequenceEqual("IHDR"u8) && size >= 8) header = header with { Width = Side(BinaryPrimitives.ReadUInt32BigEndian(start[8..])), Height = Side(BinaryPrimitives.ReadUInt32BigEndian(start[12..])) };
            else if (kind.SequenceEqual("eXIf"u8))
            {
                var data = new byte[size];
                header = header with { Orientation = OrientationOf(data.AsSpan(0, RandomAccess.Read(file, data, at + 8))) };
            }
            else if (kind.SequenceEqual("IEND"u8)) return header with { IsComplete = true };
            at += 12L + size;
        }

        return header;
    }

    private static int Side(uint side) => side > int.MaxValue ? 0 : (int)side;

    private static ReadOnlySpan<byte> PngSignature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    private static ImageHeader ReadPng(ReadOnlySpan<byte> file)
    {
        var header = new ImageHeader(0, 0, 1, false);
        // A chunk: length of its data, four letters, data, checksum.
        for (int at = PngSignature.Length; file.Length - at >= 12;)
        {
            uint length = BinaryPrimitives.ReadUInt32BigEndian(file[at..]);
            if (length > file.Length - at - 12) break;
            ReadOnlySpan<byte> kind = file.Slice(at + 4, 4), data = file.Slice(at + 8, (int)length);
            if (header.Width == 0 && kind.SequenceEqual("IHDR"u8) && data.Length >= 8)
                header = header with { Width = Side(BinaryPrimitives.ReadUInt32BigEndian(data)), Height = Side(BinaryPrimitives.ReadUInt32BigEndian(data[4..])) };
            else if (kind.SequenceEqual("eXIf"u8)) header = header with { Orientation = OrientationOf(data) };
            else if (kind.SequenceEqual("IEND"u8)) return header with { IsComplete = true };
            at += 12 + (int)length;
        }

        return header;
    }

    private static ImageHeader ReadJpeg(ReadOnlySpan<byte> file, bool toThePicture = false)
    {
        var header = new ImageHeader(0, 0, 1, false);
        for (int at = 2; at + 1 < file.Length;)
        {
            // A marker is 0xFF and a byte; before it stand fill bytes and, after a scan, coded data, in which 0xFF is followed by 0 or a restart.
            int next = file[at..].IndexOf((byte)0xFF);
            if (next < 0) break;
            at += next;
            if (at + 1 >= file.Length) break;
            if (file[at + 1] is 0xFF or 0 or (>= 0xD0 and <= 0xD7) or 1)
            {
                at++;
                continue;
            }

            byte marker = file[at + 1];
            if (marker == 0xD9) return header with { IsComplete = true };
            if (marker == 0xDA && toThePicture) return header;
            if (file.Length - at < 4) break;
            int length = BinaryPrimitives.ReadUInt16BigEndian(file[(at + 2)..]);
            if (length < 2 || length > file.Length - at - 2) break;
            ReadOnlySpan<byte> data = file.Slice(at + 4, length - 2);
            if (header.Width == 0 && marker is >= 0xC0 and <= 0xCF and not (0xC4 or 0xC8 or 0xCC) && data.Length >= 5)
                header = header with { Height = BinaryPrimitives.ReadUInt16BigEndian(data[1..]), Width = BinaryPrimitives.ReadUInt16BigEndian(data[3..]) };
            else if (marker == 0xE1 && data.StartsWith("Exif\0\0"u8)) header = header with { Orientation = OrientationOf(data[6..]) };
            at += 2 + length;
        }

        return header;
    }

    /// <summary>The orientation in the first directory of a TIFF structure; 1 where it has none or is damaged.</summary>
    private static int OrientationOf(ReadOnlySpan<byte> tiff)
    {
        const ushort Orientation = 0x0112, Short = 3;
        bool little = tiff.StartsWith("II*\0"u8);
        if (!little && !tiff.StartsWith("MM\0*"u8) || tiff.Length < 8) return 1;
        uint directory = Long(tiff[4..]);
        if (directory > tiff.Length - 2) return 1;
        int entries = Word(tiff[(int)directory..]);
        for (int i = 0, at = (int)directory + 2; i < entries && tiff.Length - at >= 12; i++, at += 12)
        {
            ReadOnlySpan<byte> entry = tiff.Slice(at, 12);
            if (Word(entry) == Orientation && Word(entry[2..]) == Short) return Word(entry[8..]) is >= 1 and <= 8 and var value ? value : 1;
        }

        return 1;

        int Word(ReadOnlySpan<byte> bytes) => little ? BinaryPrimitives.ReadUInt16LittleEndian(bytes) : BinaryPrimitives.ReadUInt16BigEndian(bytes);
        uint Long(ReadOnlySpan<byte> bytes) => little ? BinaryPrimitives.ReadUInt32LittleEndian(bytes) : BinaryPrimitives.ReadUInt32BigEndian(bytes);
    }
}
