using System.Runtime.InteropServices;
using SkiaSharp;

namespace UnetResnet.Data;

public static partial class ImageCodec
{
    private static partial PixelImage DecodePixels(byte[] encoded, string name)
    {
        using var data = SKData.CreateCopy(encoded);
        using var codec = SKCodec.Create(data);
        if (codec is null || codec.EncodedFormat is not (SKEncodedImageFormat.Png or SKEncodedImageFormat.Jpeg))
            throw Corrupt(name, "is not a readable PNG or JPEG image");

        (int width, int height) = (codec.Info.Width, codec.Info.Height);
        bool grey = codec.Info.ColorType == SKColorType.Gray8;
        // Without a colour space nothing is converted; premultiplied means blended with black.
        var info = grey
            ? new SKImageInfo(width, height, SKColorType.Gray8, SKAlphaType.Opaque)
            : new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Premul);
        var pixels = new byte[info.BytesSize];
        GCHandle pinned = GCHandle.Alloc(pixels, GCHandleType.Pinned);
        SKCodecResult result;
        try
        {
            result = codec.GetPixels(info, pinned.AddrOfPinnedObject());
        }
        finally
        {
            pinned.Free();
        }

        if (result != SKCodecResult.Success) throw Corrupt(name, $"is corrupt or cut short ({result})");
        return new PixelImage(width, height, grey ? 1 : 3, grey ? pixels : DropAlpha(pixels));
    }

    public static partial byte[] EncodePng(PixelImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        bool grey = image.Channels == 1;
        using var bitmap = new SKBitmap(image.Width, image.Height, grey ? SKColorType.Gray8 : SKColorType.Rgb888x, SKAlphaType.Opaque);
        Span<byte> target = bitmap.GetPixelSpan();
        int pixelSize = grey ? 1 : 4;
        for (int y = 0; y < image.Height; y++)
        {
            for (int x = 0; x < image.Width; x++)
            {
                int at = y * bitmap.RowBytes + x * pixelSize;
                for (int channel = 0; channel < image.Channels; channel++) target[at + channel] = image[y, x, channel];
            }
        }

        using SKData png = bitmap.Encode(SKEncodedImageFormat.Png, quality: 100)
            ?? throw new InvalidOperationException($"SkiaSharp could not encode an image of {image.Width}×{image.Height} as PNG.");
        return png.ToArray();
    }

    private static byte[] DropAlpha(byte[] rgba)
    {
        var rgb = new byte[rgba.Length / 4 * 3];
        for (int i = 0; i < rgb.Length / 3; i++) rgba.AsSpan(i * 4, 3).CopyTo(rgb.AsSpan(i * 3));
        return rgb;
    }
}
