using SkiaSharp;
using UnetResnet.Notebooks.Drawing;

namespace UnetResnet.Notebooks;

/// <summary>Colours where a prediction agrees with the mask and where it does not, over the image in grey.</summary>
internal static class SegmentationOverlay
{
    /// <summary>How much of a pixel is the colour; the rest is the image, dimmed to half.</summary>
    internal const double Opacity = 0.7;

    /// <summary>The key, in the order in which it is written.</summary>
    internal static IReadOnlyList<(string Color, string Meaning)> Key { get; } =
    [
        (ChartPalette.TruePositive, "right (true positive)"),
        (ChartPalette.FalsePositive, "too much (false positive)"),
        (ChartPalette.FalseNegative, "missed (false negative)"),
    ];

    /// <summary>Draws the overlay.</summary>
    /// <param name="image">The image.</param>
    /// <param name="mask">Whether a pixel belongs to the object, row by row.</param>
    /// <param name="predicted">Whether a pixel was predicted to.</param>
    internal static RgbPicture Draw(RgbPicture image, bool[] mask, bool[] predicted)
    {
        var result = new RgbPicture(image.Width, image.Height);
        for (int y = 0; y < image.Height; y++)
        {
            for (int x = 0; x < image.Width; x++)
            {
                (byte r, byte g, byte b) = image[x, y];
                double grey = (0.299 * r + 0.587 * g + 0.114 * b) / 2;
                int i = y * image.Width + x;
                string? color = (mask[i], predicted[i]) switch
                {
                    (true, true) => ChartPalette.TruePositive,
                    (false, true) => ChartPalette.FalsePositive,
                    (true, false) => ChartPalette.FalseNegative,
                    _ => null,
                };
                result[x, y] = color is null ? ((byte)grey, (byte)grey, (byte)grey) : Blend(SKColor.Parse(color), grey);
            }
        }
        return result;
    }

    private static (byte, byte, byte) Blend(SKColor color, double grey)
    {
        byte Mix(byte channel) => (byte)Math.Round(Opacity * channel + (1 - Opacity) * grey);
        return (Mix(color.Red), Mix(color.Green), Mix(color.Blue));
    }
}
