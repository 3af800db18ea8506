using SkiaSharp;

namespace UnetResnet.Notebooks.Drawing;

/// <summary>
/// The typeface of still pictures: Inter, which is part of the library, because a fresh machine may have no font at all and a picture
/// should be the same on every machine.
/// </summary>
/// <remarks>Licence: SIL Open Font License 1.1, beside the files in <c>Drawing/Fonts</c>.</remarks>
internal static class PictureFont
{
    private static readonly SKTypeface Regular = Load("Inter-Regular.otf"), SemiBold = Load("Inter-SemiBold.otf");

    /// <summary>Width of one line of text.</summary>
    /// <param name="text">The text.</param>
    /// <param name="size">Font size in pixels, as in CSS.</param>
    /// <param name="bold">Whether it is drawn semi-bold.</param>
    internal static float Measure(string text, float size, bool bold = false)
    {
        using SKFont font = Font(size, bold);
        return font.MeasureText(text);
    }

    /// <summary>Draws one line of text.</summary>
    /// <param name="canvas">Where to draw; a <see cref="LabelledCanvas"/> remembers the label.</param>
    /// <param name="text">The text.</param>
    /// <param name="x">Anchor, in pixels.</param>
    /// <param name="y">Baseline, in pixels.</param>
    /// <param name="size">Font size in pixels, as in CSS.</param>
    /// <param name="color">Ink.</param>
    /// <param name="align">0 begins at the anchor, 0.5 is centred on it, 1 ends there.</param>
    /// <param name="bold">Draws semi-bold.</param>
    /// <param name="angle">Rotation about the anchor in degrees, clockwise.</param>
    internal static void Draw(
        SKCanvas canvas, string text, float x, float y, float size, SKColor color, float align = 0, bool bold = false, float angle = 0)
    {
        using SKFont font = Font(size, bold);
        using var paint = new SKPaint { Color = color, IsAntialias = true };
        canvas.Save();
        canvas.Translate(x, y);
        canvas.RotateDegrees(angle);
        canvas.Translate(-align * font.MeasureText(text), 0);
        canvas.DrawText(text, 0, 0, SKTextAlign.Left, font, paint);
        // Capitals and digits reach 0.73 em above the baseline, descenders 0.2 em below it.
        (canvas as LabelledCanvas)?.Remember(text, new SKRect(0, -0.74f * size, font.MeasureText(text), 0.21f * size));
        canvas.Restore();
    }

    /// <summary>The characters of a text that the typeface cannot draw, in either weight.</summary>
    internal static string Missing(string text)
    {
        using SKFont regular = Font(12, bold: false), bold = Font(12, bold: true);
        return string.Concat(text.EnumerateRunes().Where(rune => regular.GetGlyph(rune.Value) == 0 || bold.GetGlyph(rune.Value) == 0).Select(rune => rune.ToString()));
    }

    private static SKFont Font(float size, bool bold) =>
        new(bold ? SemiBold : Regular, size) { Edging = SKFontEdging.Antialias, Hinting = SKFontHinting.None, Subpixel = true };

    private static SKTypeface Load(string file)
    {
        using Stream source = typeof(PictureFont).Assembly.GetManifestResourceStream($"UnetResnet.Notebooks.Drawing.Fonts.{file}")!;
        using SKData data = SKData.Create(source);
        return SKTypeface.FromData(data);
    }
}
