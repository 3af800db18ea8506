using System.Buffers;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
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
        // Four bytes a pixel are only wanted until the fourth is dropped.
        byte[] pixels = grey ? new byte[info.BytesSize] : ArrayPool<byte>.Shared.Rent(info.BytesSize);
        try
        {
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
            return new PixelImage(width, height, grey ? 1 : 3, grey ? pixels : DropAlpha(pixels.AsSpan(0, info.BytesSize)));
        }
        finally
        {
            if (!grey) ArrayPool<byte>.Shared.Return(pixels);
        }
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

    private static byte[] DropAlpha(ReadOnlySpan<byte> rgba)
    {
        var rgb = new byte[rgba.Length / 4 * 3];
        (int from, int to) = (0, 0);
        // Four pixels at a time; the last four bytes of each are written over by the next.
        Vector128<byte> order = Vector128.Create((byte)0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 255, 255, 255, 255);
        for (; to + 16 <= rgb.Length; from += 16, to += 12) Vector128.Shuffle(Vector128.Create(rgba.Slice(from, 16)), order).CopyTo(rgb.AsSpan(to));
        for (; to < rgb.Length; from += 4, to += 3) rgba.Slice(from, 3).CopyTo(rgb.AsSpan(to));
        return rgb;
    }
}
