using SkiaSharp;
using UnetResnet.Data;
using UnetResnet.Notebooks.Drawing;

namespace UnetResnet.Notebooks;

/// <summary>A gallery as one picture, for places that show no HTML.</summary>
internal static class ContactSheet
{
    // Two dots per CSS pixel, for sharp letters. A picture takes a whole number of dots per pixel of its own, so that those stay squares.
    private const int Scale = 2, LeastDots = 256;
    private const float Edge = 14, Gap = 8, CaptionHeight = 19, TitleHeight = 26, KeyHeight = 24, TextSize = 12, TitleSize = 15;

    /// <summary>Draws pictures with captions in rows.</summary>
    /// <param name="title">What they show.</param>
    /// <param name="cells">At least one picture with its caption.</param>
    /// <param name="most">Pictures per row.</param>
    /// <param name="key">Colours and what they mean; none for no key.</param>
    internal static byte[] Png(string title, IReadOnlyList<(PixelImage Picture, string Caption)> cells, int most, IReadOnlyList<(string Color, string Meaning)> key)
    {
        (int width, int height) = (cells.Max(cell => cell.Picture.Width), cells.Max(cell => cell.Picture.Height));
        int zoom = Math.Max(1, (int)Math.Ceiling((double)LeastDots / Math.Max(width, height)));
        (float cellWidth, float cellHeight) = ((float)width * zoom / Scale, (float)height * zoom / Scale);
        int columns = Math.Min(most, cells.Count);
        int rows = (cells.Count + columns - 1) / columns;
        float grid = columns * (cellWidth + Gap) - Gap;
        float inner = Math.Max(grid, PictureFont.Measure(title, TitleSize, bold: true));
        float foot = Edge + TitleHeight + rows * (cellHeight + CaptionHeight + Gap);
        bool stacked = KeyWidth(key) > inner;
        if (key.Count > 0 && stacked) inner = Math.Max(inner, key.Max(EntryWidth));
        float total = foot + (key.Count > 0 ? KeyHeight * (stacked ? key.Count : 1) : 0) + Edge / 2;

        using var bitmap = new SKBitmap(
            (int)Math.Ceiling(Scale * (inner + 2 * Edge)), (int)Math.Ceiling(Scale * total), SKColorType.Rgba8888, SKAlphaType.Opaque);
        using (var canvas = new SKCanvas(bitmap))
        {
            canvas.Clear(SKColors.White);
            canvas.Scale(Scale);
            PictureFont.Draw(canvas, title, Edge, Edge + 12, TitleSize, PictureStyle.Ink, bold: true);
            foreach ((int i, (PixelImage picture, string caption)) in cells.Index())
            {
                float x = Edge + i % columns * (cellWidth + Gap);
                float y = Edge + TitleHeight + i / columns * (cellHeight + CaptionHeight + Gap);
                DrawPicture(canvas, picture, x, y, (float)zoom / Scale);
                PictureFont.Draw(canvas, Fit(caption, cellWidth), x, y + cellHeight + 15, TextSize, PictureStyle.Soft);
            }
            if (key.Count > 0) DrawKey(canvas, key, foot + 8, stacked);
        }
        return IndexedPng.Encode(bitmap);
    }

    private static void DrawPicture(SKCanvas canvas, PixelImage picture, float left, float top, float side)
    {
        using var paint = new SKPaint { IsAntialias = false };
        int last = picture.Channels - 1;
        for (int y = 0; y < picture.Height; y++)
        {
            for (int x = 0; x < picture.Width; x++)
            {
                paint.Color = new SKColor(picture[y, x], picture[y, x, last / 2], picture[y, x, last]);
                canvas.DrawRect(left + x * side, top + y * side, side, side, paint);
            }
        }
    }

    private static float EntryWidth((string Color, string Meaning) entry) => 18 + PictureFont.Measure(entry.Meaning, TextSize);

    private static float KeyWidth(IReadOnlyList<(string Color, string Meaning)> key) => key.Sum(entry => EntryWidth(entry) + 20) - 20;

    private static void DrawKey(SKCanvas canvas, IReadOnlyList<(string Color, string Meaning)> key, float y, bool stacked)
    {
        float x = Edge;
        foreach ((string color, string meaning) in key)
        {
            using SKPaint fill = PictureStyle.Fill(SKColor.Parse(color));
            canvas.DrawRect(x, y - 6, 12, 12, fill);
            PictureFont.Draw(canvas, meaning, x + 18, y + 4.3f, TextSize, PictureStyle.Ink);
            if (stacked) y += KeyHeight;
            else x += EntryWidth((color, meaning)) + 20;
        }
    }

    private static string Fit(string text, float width)
    {
        if (PictureFont.Measure(text, TextSize) <= width) return text;
        int length = text.Length;
        while (length > 1 && PictureFont.Measure(text[..length] + "…", TextSize) > width) length--;
        return text[..length] + "…";
    }
}
