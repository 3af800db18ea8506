using SkiaSharp;

namespace UnetResnet.Notebooks.Drawing;

/// <summary>Ink and type of a picture on white paper.</summary>
internal static class PictureStyle
{
    internal const float TitleSize = 17, LabelSize = 13, TickSize = 12, LineHeight = 15;

    internal static readonly SKColor Ink = new(0x2B, 0x2F, 0x36);
    internal static readonly SKColor Soft = new(0x5A, 0x61, 0x6B);
    internal static readonly SKColor Grid = new(0xE6, 0xE8, 0xEB);
    internal static readonly SKColor Axis = new(0xB4, 0xB9, 0xC1);

    internal static SKPaint Stroke(SKColor color, float width, string? dash = null)
    {
        var paint = new SKPaint
        {
            Color = color,
            StrokeWidth = width,
            IsAntialias = true,
            Style = SKPaintStyle.Stroke,
            StrokeJoin = SKStrokeJoin.Round,
            StrokeCap = dash is null or "solid" ? SKStrokeCap.Round : SKStrokeCap.Butt,
        };
        float[]? pattern = dash switch
        {
            "dash" => [8, 5],
            "dot" => [2, 3.5f],
            "dashdot" => [8, 4, 2, 4],
            "longdash" => [13, 5],
            "longdashdot" => [13, 4, 2, 4],
            _ => null,
        };
        if (pattern is null) return paint;
        using var effect = SKPathEffect.CreateDash(pattern, 0);
        paint.PathEffect = effect;
        return paint;
    }

    internal static SKPaint Fill(SKColor color) => new() { Color = color, IsAntialias = true, Style = SKPaintStyle.Fill };

    /// <summary>Black or white, whichever is easier to read on a colour.</summary>
    internal static SKColor InkOn(SKColor paper) =>
        0.299 * paper.Red + 0.587 * paper.Green + 0.114 * paper.Blue > 140 ? Ink : SKColors.White;
}
