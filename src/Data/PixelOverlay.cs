namespace UnetResnet.Data;

/// <summary>Colours over an image in grey, dimmed to half: what is coloured stands out, and the image shows through.</summary>
internal static class PixelOverlay
{
    /// <summary>How much of a pixel is the colour; the rest is the image, dimmed to half.</summary>
    internal const double Opacity = 0.7;

    /// <summary>Colours of the classes 1 to 7 (Okabe and Ito 2008), which stay apart in every kind of colour vision; from 8 on they begin again. Class 0, the background, has none.</summary>
    private static readonly (byte Red, byte Green, byte Blue)[] ClassColors =
        [(0x00, 0x9E, 0x73), (0xD5, 0x5E, 0x00), (0x56, 0xB4, 0xE9), (0xF0, 0xE4, 0x42), (0xCC, 0x79, 0xA7), (0x00, 0x72, 0xB2), (0xE6, 0x9F, 0x00)];

    /// <summary>Draws.</summary>
    /// <param name="image">The image.</param>
    /// <param name="color">The colour of a pixel, counted row by row; null for none.</param>
    internal static PixelImage Draw(PixelImage image, Func<int, (byte Red, byte Green, byte Blue)?> color)
    {
        ReadOnlySpan<byte> grey = image.ToGrey().Pixels;
        byte[] result = new byte[3 * grey.Length];
        for (int i = 0; i < grey.Length; i++)
        {
            double dim = grey[i] / 2.0;
            if (color(i) is not var (red, green, blue))
            {
                result.AsSpan(3 * i, 3).Fill((byte)Math.Round(dim));
                continue;
            }

            byte Mix(byte channel) => (byte)Math.Round(Opacity * channel + (1 - Opacity) * dim);
            (result[3 * i], result[3 * i + 1], result[3 * i + 2]) = (Mix(red), Mix(green), Mix(blue));
        }

        return new PixelImage(image.Width, image.Height, 3, result);
    }

    /// <summary>Draws a mask in the colours of its classes.</summary>
    /// <param name="image">The image.</param>
    /// <param name="mask">Of the image's size: 0 and 255 with one class, numbers of classes with more.</param>
    /// <param name="classes">See <see cref="Models.UNetOptions.Classes"/>.</param>
    internal static PixelImage DrawMask(PixelImage image, PixelImage mask, int classes) =>
        Draw(image, i => mask.Pixels[i] switch { 0 => null, _ when classes == 1 => ClassColors[0], byte number => ClassColors[(number - 1) % ClassColors.Length] });
}
