using System.Buffers.Binary;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;
using SkiaSharp;

namespace UnetResnet.Notebooks.Drawing;

/// <summary>
/// Writes a line drawing as a PNG with a palette of 256 colours, a third of the size of one with full colours: charts are committed
/// inside notebooks. The frequent colours are kept exactly; only rare ones, at the soft edges of letters and lines, move to the nearest.
/// </summary>
/// <remarks>Format: PNG specification, https://www.w3.org/TR/png-3/, colour type 3.</remarks>
internal static class IndexedPng
{
    // Beyond the most frequent colours, one that the eye cannot tell from another (5 of 255 levels in a channel) is not worth a place.
    private const int PaletteSize = 256, AlwaysKept = 48, TooNear = 25;
    private static readonly byte[] Signature = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A];

    /// <summary>Encodes an opaque drawing.</summary>
    /// <param name="bitmap">Pixels as <see cref="SKColorType.Rgba8888"/>.</param>
    internal static byte[] Encode(SKBitmap bitmap)
    {
        ReadOnlySpan<uint> pixels = MemoryMarshal.Cast<byte, uint>(bitmap.GetPixelSpan());
        var counts = new Dictionary<uint, int>();
        foreach (uint pixel in pixels) CollectionsMarshal.GetValueRefOrAddDefault(counts, pixel, out _)++;
        uint[] palette = PaletteOf(counts);
        Dictionary<uint, byte> places = counts.Keys.ToDictionary(color => color, color => Nearest(palette, color));

        byte[] rows = new byte[bitmap.Height * (bitmap.Width + 1)];
        for (int i = 0; i < pixels.Length; i++) rows[i + i / bitmap.Width + 1] = places[pixels[i]];
        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.SmallestSize, leaveOpen: true)) zlib.Write(rows);

        byte[] header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, bitmap.Width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), bitmap.Height);
        (header[8], header[9]) = (8, 3);

        using var png = new MemoryStream();
        png.Write(Signature);
        WriteChunk(png, "IHDR", header);
        WriteChunk(png, "PLTE", [.. palette.SelectMany(color => new[] { (byte)color, (byte)(color >> 8), (byte)(color >> 16) })]);
        WriteChunk(png, "IDAT", packed.ToArray());
        WriteChunk(png, "IEND", []);
        return png.ToArray();
    }

    private static uint[] PaletteOf(Dictionary<uint, int> counts)
    {
        var palette = new List<uint>(PaletteSize);
        // Ties are broken by value, so that a drawing always gives the same bytes.
        foreach ((uint color, _) in counts.OrderByDescending(c => c.Value).ThenBy(c => c.Key))
        {
            if (palette.Count == PaletteSize) break;
            if (palette.Count < AlwaysKept || palette.TrueForAll(taken => Distance(taken, color) > TooNear)) palette.Add(color);
        }
        return [.. palette];
    }

    private static byte Nearest(uint[] palette, uint color)
    {
        (int best, int least) = (0, int.MaxValue);
        for (int i = 0; i < palette.Length && least > 0; i++)
        {
            int distance = Distance(palette[i], color);
            if (distance < least) (best, least) = (i, distance);
        }
        return (byte)best;
    }

    private static int Distance(uint a, uint b)
    {
        int sum = 0;
        for (int shift = 0; shift < 24; shift += 8)
        {
            int d = (byte)(a >> shift) - (byte)(b >> shift);
            sum += d * d;
        }
        return sum;
    }

    private static void WriteChunk(Stream png, string type, byte[] data)
    {
        byte[] chunk = [.. Encoding.ASCII.GetBytes(type), .. data];
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
        png.Write(number);
        png.Write(chunk);
        BinaryPrimitives.WriteUInt32BigEndian(number, Crc32(chunk));
        png.Write(number);
    }

    // ISO 3309, as the PNG specification asks for.
    private static uint Crc32(byte[] data)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in data)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++) crc = (crc & 1) != 0 ? 0xEDB88320 ^ (crc >> 1) : crc >> 1;
        }
        return ~crc;
    }
}
