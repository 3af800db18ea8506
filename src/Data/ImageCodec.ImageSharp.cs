using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats;
using SixLabors.ImageSharp.Formats.Jpeg;
using SixLabors.ImageSharp.Formats.Png;
using SixLabors.ImageSharp.PixelFormats;

namespace UnetResnet.Data;

// Compiled instead of ImageCodec.Skia.cs in a build with -p:UseImageSharp=true.
public static partial class ImageCodec
{
    private static partial PixelImage DecodePixels(byte[] encoded, string name, ImageHeader header)
    {
        try
        {
            // The size that was judged is the one that is decoded.
            if (Image.Identify(encoded) is not { } info || (header.Width, header.Height) != (info.Width, info.Height))
                throw Corrupt(name, "is damaged: its header and its picture differ in size");
            using Image<Rgba32> image = Image.Load<Rgba32>(encoded, out IImageFormat format);
            bool grey = format switch
            {
                PngFormat => image.Metadata.GetPngMetadata().ColorType == PngColorType.Grayscale,
                JpegFormat => image.Metadata.GetJpegMetadata().ColorType == JpegColorType.Luminance,
                _ => throw Corrupt(name, "is not a readable PNG or JPEG image"),
            };
            var rgba = new byte[image.Width * image.Height * 4];
            image.CopyPixelDataTo(rgba);
            int channels = grey ? 1 : 3;
            var pixels = new byte[image.Width * image.Height * channels];
            for (int i = 0; i < pixels.Length; i++)
            {
                int at = i / channels * 4;
                pixels[i] = (byte)((rgba[at + i % channels] * rgba[at + 3] + 127) / 255);
            }

            return new PixelImage(image.Width, image.Height, channels, pixels);
        }
        catch (Exception e) when (e is not (DatasetException or OutOfMemoryException))
        {
            // Besides exceptions of its own, ImageSharp 2.1 throws a NullReferenceException, among others, for some damaged pictures.
            throw Corrupt(name, "is corrupt, cut short or not a PNG or JPEG image", e);
        }
    }

    private static partial PixelImage DecodePixels(byte[] encoded, string name, ImageHeader header, int width, int height) => DecodePixels(encoded, name, header).Resize(width, height);

    public static partial byte[] EncodePng(PixelImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        using var stream = new MemoryStream();
        using Image encoded = image.Channels == 1
            ? Image.LoadPixelData<L8>(image.Pixels, image.Width, image.Height)
            : Image.LoadPixelData<Rgb24>(image.Pixels, image.Width, image.Height);
        encoded.SaveAsPng(stream, new PngEncoder
        {
            ColorType = image.Channels == 1 ? PngColorType.Grayscale : PngColorType.Rgb,
            BitDepth = PngBitDepth.Bit8,
        });
        return stream.ToArray();
    }
}
