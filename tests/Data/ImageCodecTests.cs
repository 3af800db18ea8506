using CsCheck;
using SkiaSharp;
using UnetResnet.Data;

namespace UnetResnet.Tests.Data;

public class ImageCodecTests
{
    [Fact]
    public void The_codec_is_the_one_that_the_build_names()
    {
#if USE_IMAGESHARP
        const bool imageSharp = true;
#else
        const bool imageSharp = false;
#endif
        Assert.Equal(imageSharp, typeof(ImageCodec).Assembly.GetReferencedAssemblies().Any(a => a.Name == "SixLabors.ImageSharp"));
    }

    [Fact]
    public void Png_keeps_every_pixel() =>
        Gen.Select(Gen.Int[1, 17], Gen.Int[1, 17], Gen.Bool, Gen.Int).Sample((width, height, grey, seed) =>
        {
            int channels = grey ? 1 : 3;
            var pixels = new byte[width * height * channels];
            new Random(seed).NextBytes(pixels);
            PixelImage back = ImageCodec.Decode(ImageCodec.EncodePng(new PixelImage(width, height, channels, pixels)));
            Assert.Equal((width, height, channels), (back.Width, back.Height, back.Channels));
            Assert.Equal(pixels, back.Pixels.ToArray());
        }, iter: 50);

    [Fact]
    public void Jpeg_comes_close()
    {
        PixelImage image = ImageCodec.Decode(Jpeg(32, 16, (_, _) => new SKColor(200, 100, 50)));

        Assert.Equal((32, 16, 3), (image.Width, image.Height, image.Channels));
        // One flat colour at quality 100 suffers only from rounding in YCbCr.
        Assert.InRange(image[8, 8, 0], 198, 202);
        Assert.InRange(image[8, 8, 1], 98, 102);
        Assert.InRange(image[8, 8, 2], 48, 52);
    }

    /// <summary>EXIF 2.3, tag 0x0112: where the stored top-left corner belongs, and whether the axes change places.</summary>
    [Theory]
    [InlineData(1, false, false, false)]
    [InlineData(2, false, true, false)]
    [InlineData(3, false, true, true)]
    [InlineData(4, false, false, true)]
    [InlineData(5, true, false, false)]
    [InlineData(6, true, true, false)]
    [InlineData(7, true, true, true)]
    [InlineData(8, true, false, true)]
    public void A_photograph_is_turned_upright(byte orientation, bool swapped, bool right, bool bottom)
    {
        byte[] jpeg = Jpeg(32, 16, (y, x) => y < 8 && x < 16 ? SKColors.White : SKColors.Black);
        byte[] exif = [0xFF, 0xE1, 0, 34, .. "Exif\0\0"u8, .. Tiff(orientation)];
        IsTurned(ImageCodec.Decode([.. jpeg[..2], .. exif, .. jpeg[2..]]), swapped, right, bottom);

        // PNG has the same structure in a chunk of its own (PNG 3, 11.3.4.7); the checksum is CRC-32.
        byte[] png = ImageCodec.EncodePng(Pictures.Grey(32, 16, (y, x) => y < 8 && x < 16 ? 255 : 0));
        byte[] chunk = [.. "eXIf"u8, .. Tiff(orientation)];
        byte[] framed = [0, 0, 0, (byte)(chunk.Length - 4), .. chunk, .. Crc32(chunk)];
        int afterHeader = 8 + 12 + 13, beforeEnd = png.Length - 12;
        IsTurned(ImageCodec.Decode([.. png[..afterHeader], .. framed, .. png[afterHeader..]]), swapped, right, bottom);
        IsTurned(ImageCodec.Decode([.. png[..beforeEnd], .. framed, .. png[beforeEnd..]]), swapped, right, bottom);
    }

    private static byte[] Tiff(byte orientation) => [.. "MM\0*\0\0\0\b\0\x01"u8, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0];

    internal static byte[] Crc32(byte[] data)
    {
        uint crc = 0xFFFFFFFF;
        foreach (byte b in data)
        {
            crc ^= b;
            for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (0xEDB88320 & (uint)-(int)(crc & 1));
        }

        byte[] bytes = BitConverter.GetBytes(~crc);
        Array.Reverse(bytes);
        return bytes;
    }

    private static void IsTurned(PixelImage image, bool swapped, bool right, bool bottom)
    {
        Assert.Equal(swapped ? (16, 32) : (32, 16), (image.Width, image.Height));
        for (int corner = 0; corner < 4; corner++)
        {
            (bool isRight, bool isBottom) = (corner % 2 == 1, corner / 2 == 1);
            byte shade = image[isBottom ? image.Height - 3 : 2, isRight ? image.Width - 3 : 2];
            if ((isRight, isBottom) == (right, bottom)) Assert.InRange(shade, 240, 255);
            else Assert.InRange(shade, 0, 15);
        }
    }

    [Fact]
    public void Transparent_pixels_are_blended_with_black()
    {
        using var bitmap = new SKBitmap(2, 1, SKColorType.Rgba8888, SKAlphaType.Unpremul);
        bitmap.SetPixel(0, 0, new SKColor(255, 255, 255, 0));
        bitmap.SetPixel(1, 0, new SKColor(200, 100, 0, 255));
        using SKData png = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        Assert.Equal([0, 0, 0, 200, 100, 0], ImageCodec.Decode(png.ToArray()).Pixels.ToArray());
    }

    [Fact]
    public void Corrupt_bytes_are_named_not_guessed()
    {
        byte[] png = ImageCodec.EncodePng(Pictures.Colour(40, 40));
        byte[] flipped = [.. png];
        flipped[png.Length / 2] ^= 0xFF;

        foreach (byte[] bytes in new[] { [], "hello"u8.ToArray(), png[..20], png[..(png.Length / 2)], flipped })
        {
            var e = Assert.Throws<DatasetException>(() => ImageCodec.Decode(bytes, "kidney.png"));
            Assert.Equal("kidney.png", e.File);
            Assert.Contains("PNG or JPEG", e.Message);
            Assert.Contains("Replace the file", e.Cure);
        }
    }

    [Fact]
    public void The_limit_is_the_callers()
    {
        byte[] png = ImageCodec.EncodePng(Pictures.Colour(5, 4));
        Assert.Equal(5, ImageCodec.Decode(png, pixelLimit: 20).Width);
        Assert.Throws<DatasetException>(() => ImageCodec.Decode(png, pixelLimit: 19));
    }

    [Fact]
    public void Bytes_after_the_end_do_no_harm() => Assert.Equal(16, ImageCodec.Decode([.. Jpeg(16, 16, (_, _) => SKColors.Gray), 1, 2, 3]).Width);

    [Fact]
    public void A_missing_file_is_named()
    {
        var e = Assert.Throws<DatasetException>(() => ImageCodec.Load("/nowhere/kidney.png"));
        Assert.Contains("/nowhere/kidney.png", e.Message);
    }

    [Fact]
    public void Saving_replaces_the_file_and_leaves_nothing_else()
    {
        using var folder = new TemporaryFolder();
        string path = folder["deep", "a.png"];
        ImageCodec.Save(Pictures.Colour(3, 3), path);
        ImageCodec.Save(Pictures.Colour(4, 2), path);

        Assert.Equal(4, ImageCodec.Load(path).Width);
        Assert.Equal([path], Directory.GetFiles(folder["deep"]));
    }

    private static byte[] Jpeg(int width, int height, Func<int, int, SKColor> colour)
    {
        using var bitmap = new SKBitmap(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque);
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++) bitmap.SetPixel(x, y, colour(y, x));
        }

        using SKData jpeg = bitmap.Encode(SKEncodedImageFormat.Jpeg, 100);
        return jpeg.ToArray();
    }
}
