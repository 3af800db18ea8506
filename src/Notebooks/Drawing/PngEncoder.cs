using SkiaSharp;

namespace UnetResnet.Notebooks.Drawing;

/// <summary>Makes PNG files of pictures, in full colours.</summary>
internal static class PngEncoder
{
    /// <summary>Encodes a drawing without its alpha channel.</summary>
    internal static byte[] Encode(SKBitmap bitmap)
    {
        using SKPixmap pixels = bitmap.PeekPixels();
        using SKData data = pixels.Encode(new SKPngEncoderOptions(SKPngEncoderFilterFlags.AllFilters, 9))
            ?? throw new InvalidOperationException($"The picture of {bitmap.Width} × {bitmap.Height} pixels could not be encoded as PNG.");
        return data.ToArray();
    }

    /// <summary>Encodes pixels, as a grey picture if there is no colour in them.</summary>
    internal static byte[] Encode(RgbPicture picture)
    {
        bool grey = picture.IsGrey;
        using var bitmap = new SKBitmap(picture.Width, picture.Height, grey ? SKColorType.Gray8 : SKColorType.Rgba8888, SKAlphaType.Opaque);
        Span<byte> target = bitmap.GetPixelSpan();
        for (int y = 0; y < picture.Height; y++)
        {
            Span<byte> row = target.Slice(y * bitmap.RowBytes, bitmap.RowBytes);
            for (int x = 0; x < picture.Width; x++)
            {
                (byte r, byte g, byte b) = picture[x, y];
                if (grey) row[x] = r;
                else (row[4 * x], row[4 * x + 1], row[4 * x + 2], row[4 * x + 3]) = (r, g, b, 255);
            }
        }
        return Encode(bitmap);
    }
}
