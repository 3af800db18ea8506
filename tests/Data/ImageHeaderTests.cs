using UnetResnet.Data;

namespace UnetResnet.Tests.Data;

/// <summary>Headers put together by hand, without a picture: JPEG (ITU-T T.81, annex B), PNG, and the TIFF structure of EXIF 2.3.</summary>
public class ImageHeaderTests
{
    private static readonly byte[] End = [0xFF, 0xD9];

    private static byte[] Frame(byte marker, int width, int height) => [0xFF, marker, 0, 11, 8, (byte)(height >> 8), (byte)height, (byte)(width >> 8), (byte)width, 1, 1, 0x11, 0];

    private static byte[] Exif(byte[] tiff) => [0xFF, 0xE1, 0, (byte)(8 + tiff.Length), .. "Exif\0\0"u8, .. tiff];

    private static byte[] Jpeg(params byte[][] parts) => [0xFF, 0xD8, .. parts.SelectMany(part => part)];

    [Theory]
    [InlineData(0xC0, true)]
    [InlineData(0xC1, true)]
    [InlineData(0xC2, true)]
    [InlineData(0xC3, true)]
    [InlineData(0xC4, false)] // Huffman tables
    [InlineData(0xC5, true)]
    [InlineData(0xC7, true)]
    [InlineData(0xC8, false)] // reserved
    [InlineData(0xC9, true)]
    [InlineData(0xCB, true)]
    [InlineData(0xCC, false)] // arithmetic coding
    [InlineData(0xCD, true)]
    [InlineData(0xCF, true)]
    [InlineData(0xDB, false)]
    public void A_frame_tells_the_size(byte marker, bool tells) =>
        Assert.Equal(tells ? new ImageHeader(300, 5, 1, true) : null, ImageHeader.Read(Jpeg(Frame(marker, 300, 5), End)));

    [Fact]
    public void The_first_size_counts_fill_bytes_and_coded_data_are_passed_over_and_the_end_is_looked_for()
    {
        byte[] coded = [0xFF, 0xDA, 0, 2, 1, 2, 0xFF, 0, 3, 0xFF, 0xD0, 4, 0xFF, 0xD7, 5, 0xFF, 1];
        Assert.Equal(new ImageHeader(7, 5, 1, true), ImageHeader.Read(Jpeg([0xFF, 0xFF], Frame(0xC0, 7, 5), Frame(0xC0, 9, 9), coded, End)));
        Assert.Equal(new ImageHeader(7, 5, 1, false), ImageHeader.Read(Jpeg(Frame(0xC0, 7, 5), coded)));
        Assert.Equal(new ImageHeader(7, 5, 1, false), ImageHeader.Read(Jpeg(Frame(0xC0, 7, 5))));
        // A part that claims more than there is, or less than its own length.
        Assert.Equal(new ImageHeader(7, 5, 1, false), ImageHeader.Read(Jpeg(Frame(0xC0, 7, 5), [0xFF, 0xFE, 0, 5, 1, 2])));
        Assert.Equal(new ImageHeader(7, 5, 1, true), ImageHeader.Read(Jpeg(Frame(0xC0, 7, 5), [0xFF, 0xFE, 0, 4, 1, 2], End)));
        Assert.Equal(new ImageHeader(7, 5, 1, false), ImageHeader.Read(Jpeg(Frame(0xC0, 7, 5), [0xFF, 0xFE, 0, 1], End)));
        foreach ((int width, int height) in new[] { (0, 5), (7, 0) }) Assert.Null(ImageHeader.Read(Jpeg(Frame(0xC0, width, height), End)));
        Assert.Null(ImageHeader.Read([0xFF, 0xD8]));
    }

    [Theory]
    [InlineData("II*\0\b\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0", 6)]
    [InlineData("MM\0*\0\0\0\b\0\x01\x01\x12\0\x03\0\0\0\x01\0\x08\0\0", 8)]
    [InlineData("MM\0*\0\0\0\b\0\x02\x01\x00\0\x03\0\0\0\x01\0\x05\0\0\x01\x12\0\x03\0\0\0\x01\0\x03\0\0", 3)] // behind another entry
    [InlineData("MM\0*\0\0\0\b\0\x01\x01\x12\0\x03\0\0\0\x01\0\x01\0\0", 1)]
    [InlineData("MM\0*\0\0\0\b\0\x01\x01\x12\0\x03\0\0\0\x01\0\x00\0\0", 1)] // 1 to 8 only
    [InlineData("MM\0*\0\0\0\b\0\x01\x01\x12\0\x03\0\0\0\x01\0\x09\0\0", 1)]
    [InlineData("MM\0*\0\0\0\b\0\x01\x01\x12\0\x04\0\0\0\x01\0\x06\0\0", 1)] // a number of another kind
    [InlineData("MM\0*\0\0\0\b\0\x00\x01\x12\0\x03\0\0\0\x01\0\x06\0\0", 1)] // no entries
    [InlineData("MM\0*\0\0\0\x70\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0", 1)] // a directory beyond the end
    [InlineData("MM\0+\0\0\0\b\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0", 1)]
    [InlineData("MM\0*\0\0\0", 1)]
    public void The_orientation_is_that_of_the_first_directory(string tiff, int orientation)
    {
        ImageHeader header = ImageHeader.Read(Jpeg(Exif([.. tiff.Select(c => (byte)c)]), Frame(0xC0, 7, 5), End))!.Value;
        Assert.Equal(new ImageHeader(7, 5, orientation, true), header);
        Assert.Equal(orientation >= 5 ? (5, 7) : (7, 5), header.Upright);
    }

    /// <summary>As bytes and, behind 20 kB of something else, as a file, of which only the beginnings of chunks are read.</summary>
    [Fact]
    public void A_PNG_is_read_chunk_by_chunk()
    {
        using var folder = new TemporaryFolder();
        byte[] signature = [0x89, .. "PNG\r\n\u001A\n"u8], end = Chunk("IEND", []), padding = Chunk("tEXt", new byte[20_000]);
        byte[] size = Chunk("IHDR", [0, 0, 1, 44, 0, 0, 0, 5, 8, 2, 0, 0, 0]), other = Chunk("IHDR", [0, 0, 0, 9, 0, 0, 0, 9, 8, 2, 0, 0, 0]);
        byte[] turned = Chunk("eXIf", [.. "II*\0\b\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x05\0\0\0"u8]);
        void Reads(ImageHeader? expected, params byte[][] chunks)
        {
            Assert.Equal(expected, ImageHeader.Read([.. signature, .. chunks.SelectMany(chunk => chunk)]));
            File.WriteAllBytes(folder["large.png"], [.. signature, .. padding, .. chunks.SelectMany(chunk => chunk)]);
            Assert.Equal(expected, ImageHeader.ReadFile(folder["large.png"]));
        }

        Reads(new ImageHeader(300, 5, 1, true), size, end);
        Reads(new ImageHeader(300, 5, 5, true), size, other, turned, end);
        Reads(new ImageHeader(300, 5, 1, false), size, end[..^1]);
        Reads(new ImageHeader(300, 5, 1, true), size, end, [1, 2, 3]);
        // An end that claims a byte more than there is.
        Reads(new ImageHeader(300, 5, 1, false), size, [0, 0, 0, 1, .. end[4..]]);
        Reads(new ImageHeader(300, 5, 1, true), Chunk("IHDR", [0, 0, 1, 44, 0, 0, 0, 5]), end);
        Reads(null, Chunk("IHDR", [0, 0, 1, 44, 0, 0, 5]), end);
        Reads(null, end);
        Reads(null, Chunk("IHDR", [0x80, 0, 0, 0, 0, 0, 0, 5, 8, 2, 0, 0, 0]), end);

        static byte[] Chunk(string kind, byte[] data) => [0, 0, (byte)(data.Length >> 8), (byte)data.Length, .. System.Text.Encoding.ASCII.GetBytes(kind), .. data, 0, 0, 0, 0];
    }
}
