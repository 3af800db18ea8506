using SkiaSharp;
using UnetResnet.Data;

namespace UnetResnet.Notebooks;

/// <summary>Colours where a prediction agrees with the mask and where it does not, over the image in grey.</summary>
internal static class SegmentationOverlay
{
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
        (byte, byte, byte)[] colors = [.. Key.Select(entry => SKColor.Parse(entry.Color)).Select(color => (color.Red, color.Green, color.Blue))];
        return PixelOverlay.Draw(image, i => (mask[i], predicted[i]) switch { (true, true) => colors[0], (false, true) => colors[1], (true, false) => colors[2], _ => null });
    }
}
