using SkiaSharp;
using UnetResnet.Data;

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
    internal static PixelImage Draw(PixelImage image, bool[] mask, bool[] predicted)
    {
        SKColor[] colors = [.. Key.Select(entry => SKColor.Parse(entry.Color))];
        ReadOnlySpan<byte> grey = image.ToGrey().Pixels;
        byte[] result = new byte[3 * grey.Length];
        for (int i = 0; i < grey.Length; i++)
        {
            int kind = (mask[i], predicted[i]) switch { (true, true) => 0, (false, true) => 1, (true, false) => 2, _ => -1 };
            double dim = grey[i] / 2.0;
            byte Mix(byte channel) => (byte)Math.Round(kind < 0 ? dim : Opacity * channel + (1 - Opacity) * dim);
            SKColor color = kind < 0 ? default : colors[kind];
            (result[3 * i], result[3 * i + 1], result[3 * i + 2]) = (Mix(color.Red), Mix(color.Green), Mix(color.Blue));
        }
        return new PixelImage(image.Width, image.Height, 3, result);
    }
}
