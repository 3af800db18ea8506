using SkiaSharp;

namespace UnetResnet.Notebooks.Drawing;

/// <summary>A canvas that knows which labels were drawn where, so that one can ask whether all are inside of the picture.</summary>
/// <param name="bitmap">What is drawn on; stays the caller's.</param>
internal sealed class LabelledCanvas(SKBitmap bitmap) : SKCanvas(bitmap)
{
    private readonly List<(string Text, SKRect Box)> labels = [];

    /// <summary>The labels, each with the box around it in dots of the bitmap.</summary>
    internal IReadOnlyList<(string Text, SKRect Box)> Labels => labels;

    /// <summary>Remembers a label.</summary>
    /// <param name="text">What is written.</param>
    /// <param name="box">Its box in the coordinates that hold now.</param>
    internal void Remember(string text, SKRect box) => labels.Add((text, TotalMatrix.MapRect(box)));
}
