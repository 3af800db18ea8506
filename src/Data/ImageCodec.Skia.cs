using System.Buffers;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using SkiaSharp;

namespace UnetResnet.Data;

public static partial class ImageCodec
{
    private static partial PixelImage DecodePixels(byte[] encoded, string name, ImageHeader header) => Decoded(encoded, name, header, _ => 1, (pixels, info, _) =>
        new PixelImage(info.Width, info.Height, IsGrey(info) ? 1 : 3, IsGrey(info) ? pixels.ToArray() : DropAlpha(pixels)));

    private static partial PixelImage DecodePixels(byte[] encoded, string name, ImageHeader header, int width, int height) => Decoded(
        encoded, name, header, size => Reduction(size, width, height), (pixels, info, extent) => Resampling.Smooth(pixels, (info.Width, info.Height), IsGrey(info) ? 1 : 4, (width, height), extent));

    private static bool IsGrey(SKImageInfo info) => info.ColorType == SKColorType.Gray8;

    /// <summary>The largest of 1, 2, 4 and 8 by which a picture may be divided and still be as large as wanted: libjpeg decodes at these sizes from fewer coefficients.</summary>
    private static int Reduction(SKSizeI size, int width, int height)
    {
        int by = 8;
        while (by > 1 && (size.Width < by * width || size.Height < by * height)) by /= 2;
        return by;
    }

    private delegate PixelImage Use(ReadOnlySpan<byte> pixels, SKImageInfo info, (double Width, double Height) extent);

    /// <summary>
    /// Decodes, grey with one byte a pixel or RGBA with four, which nobody needs longer than <paramref name="use"/> takes. A reduced picture may end within its last pixels;
    /// its extent says where.
    /// </summary>
    private static PixelImage Decoded(byte[] encoded, string name, ImageHeader header, Func<SKSizeI, int> reduction, Use use)
    {
        using var data = SKData.CreateCopy(encoded);
        using var codec = SKCodec.Create(data);
        if (codec is null || codec.EncodedFormat is not (SKEncodedImageFormat.Png or SKEncodedImageFormat.Jpeg))
            throw Corrupt(name, "is not a readable PNG or JPEG image");

        SKSizeI size = codec.Info.Size;
        // The size that was judged is the one that is decoded.
        if ((header.Width, header.Height) != (size.Width, size.Height))
            throw Corrupt(name, "is damaged: its header and its picture differ in size");
        int by = codec.EncodedFormat == SKEncodedImageFormat.Jpeg ? reduction(size) : 1;
        SKSizeI decoded = by == 1 ? size : codec.GetScaledDimensions(1f / by);
        // Without a colour space nothing is converted; premultiplied means blended with black.
        var info = codec.Info.ColorType == SKColorType.Gray8
            ? new SKImageInfo(decoded.Width, decoded.Height, SKColorType.Gray8, SKAlphaType.Opaque)
            : new SKImageInfo(decoded.Width, decoded.Height, SKColorType.Rgba8888, SKAlphaType.Premul);
        byte[] pixels = ArrayPool<byte>.Shared.Rent(info.BytesSize);
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

            return result == SKCodecResult.Success
                ? use(pixels.AsSpan(0, info.BytesSize), info, ((double)size.Width / by, (double)size.Height / by))
                : throw Corrupt(name, $"is corrupt or cut short ({result})");
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(pixels);
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
        byte[] rgb = GC.AllocateUninitializedArray<byte>(rgba.Length / 4 * 3);
        (int from, int to) = (0, 0);
        // Four pixels at a time; the last four bytes of each are written over by the next.
        Vector128<byte> order = Vector128.Create((byte)0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 255, 255, 255, 255);
        for (; to + 16 <= rgb.Length; from += 16, to += 12) Vector128.Shuffle(Vector128.Create(rgba.Slice(from, 16)), order).CopyTo(rgb.AsSpan(to));
        for (; to < rgb.Length; from += 4, to += 3) rgba.Slice(from, 3).CopyTo(rgb.AsSpan(to));
        return rgb;
    }
}
