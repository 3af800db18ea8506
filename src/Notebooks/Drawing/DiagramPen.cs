using System.Globalization;
using System.Net;
using System.Text;
using SkiaSharp;

namespace UnetResnet.Notebooks.Drawing;

/// <summary>Draws the shapes of a diagram: as SVG, which follows the reader's light or dark setting, and as PNG on white paper.</summary>
internal static class DiagramPen
{
    private const double TextSize = 13, LineHeight = 17, Head = 7;

    // Paper, ink, and for every role fill and border: light first, then dark.
    private static readonly (string Light, string Dark) Paper = ("#FFFFFF", "#1B1F26"), Ink = ("#20242C", "#DFE3EA");

    private static readonly Dictionary<DiagramRole, (string Light, string Dark, string LightBorder, string DarkBorder)> Colors = new()
    {
        [DiagramRole.Encoder] = ("#DCEBF6", "#16324A", "#006AB0", "#4BA3E0"),
        [DiagramRole.Decoder] = ("#DDF1E9", "#12382C", "#008D63", "#3FC497"),
        [DiagramRole.Batch] = ("#F3E1F5", "#3C1F42", "#A944B8", "#D486E0"),
        [DiagramRole.Running] = ("#F6ECD2", "#3A2F10", "#A87E00", "#D9AE3C"),
        [DiagramRole.Plain] = ("#F1F2F4", "#262B34", "#7B818A", "#8F96A3"),
        [DiagramRole.Line] = ("#5A616B", "#A3ABB8", "#5A616B", "#A3ABB8"),
    };

    /// <summary>The diagram as SVG. Its colours are classes of a style sheet inside, which has both settings.</summary>
    internal static string Svg(IReadOnlyList<DiagramShape> shapes, double width, double height, string description)
    {
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\" class=\"ur-diagram\">");
        svg.Append("<title>").Append(WebUtility.HtmlEncode(description)).Append("</title><style>").Append(Sheet(dark: false))
            .Append("@media (prefers-color-scheme: dark){").Append(Sheet(dark: true)).Append("}</style>");
        svg.Append(CultureInfo.InvariantCulture, $"<rect class=\"d-paper\" width=\"{width}\" height=\"{height}\" rx=\"8\"/>");
        foreach (DiagramShape shape in shapes) Append(svg, shape);
        return svg.Append("</svg>").ToString();
    }

    /// <summary>The diagram as PNG on white paper, two dots for each CSS pixel.</summary>
    internal static byte[] Png(IReadOnlyList<DiagramShape> shapes, double width, double height)
    {
        using var bitmap = new SKBitmap((int)(2 * width), (int)(2 * height), SKColorType.Rgba8888, SKAlphaType.Opaque);
        using LabelledCanvas canvas = Draw(bitmap, shapes, 2);
        return IndexedPng.Encode(bitmap);
    }

    /// <summary>The labels of the picture, each with its box in CSS pixels.</summary>
    internal static IReadOnlyList<(string Text, SKRect Box)> Labels(IReadOnlyList<DiagramShape> shapes, double width, double height)
    {
        using var bitmap = new SKBitmap((int)width, (int)height, SKColorType.Rgba8888, SKAlphaType.Opaque);
        using LabelledCanvas canvas = Draw(bitmap, shapes, 1);
        return [.. canvas.Labels];
    }

    private static string Sheet(bool dark)
    {
        string Of((string Light, string Dark) pair) => dark ? pair.Dark : pair.Light;
        var sheet = new StringBuilder(string.Create(CultureInfo.InvariantCulture, $".d-paper{{fill:{Of(Paper)}}}.d-text{{fill:{Of(Ink)};font:{TextSize}px Inter,system-ui,sans-serif}}.d-bold{{font-weight:600}}"));
        foreach ((DiagramRole role, var c) in Colors)
            sheet.Append(CultureInfo.InvariantCulture, $".d-{role.ToString().ToLowerInvariant()}{{fill:{(dark ? c.Dark : c.Light)};stroke:{(dark ? c.DarkBorder : c.LightBorder)}}}");
        return sheet.ToString();
    }

    private static void Append(StringBuilder svg, DiagramShape shape)
    {
        static string Name(DiagramRole role) => "d-" + role.ToString().ToLowerInvariant();
        switch (shape)
        {
            case DiagramBox box:
                svg.Append(CultureInfo.InvariantCulture, $"<rect class=\"{Name(box.Role)}\" stroke-width=\"1.5\" x=\"{box.X}\" y=\"{box.Y}\" width=\"{box.Width}\" height=\"{box.Height}\" rx=\"5\"/>");
                foreach (DiagramText line in TextOf(box)) Append(svg, line);
                break;
            case DiagramLine line:
                string path = string.Join(' ', line.Points.Select((p, i) => string.Create(CultureInfo.InvariantCulture, $"{(i == 0 ? 'M' : 'L')}{p.X} {p.Y}")));
                svg.Append($"<path class=\"{Name(line.Role)}\" style=\"fill:none\" stroke-width=\"1.5\"{(line.Dashed ? " stroke-dasharray=\"5 4\"" : "")} d=\"{path}\"/>");
                if (line.Arrow) svg.Append($"<path class=\"{Name(line.Role)}\" d=\"{string.Join(' ', HeadOf(line).Select((p, i) => string.Create(CultureInfo.InvariantCulture, $"{(i == 0 ? 'M' : 'L')}{p.X:0.#} {p.Y:0.#}")))}Z\"/>");
                break;
            case DiagramText text:
                string anchor = text.Align switch { 0 => "start", 1 => "end", _ => "middle" };
                string size = text.Size == TextSize ? "" : string.Create(CultureInfo.InvariantCulture, $" style=\"font-size:{text.Size}px\"");
                svg.Append(CultureInfo.InvariantCulture, $"<text class=\"d-text{(text.Bold ? " d-bold" : "")}\"{size} x=\"{text.X}\" y=\"{text.Y:0.#}\" text-anchor=\"{anchor}\">")
                    .Append(WebUtility.HtmlEncode(text.Text)).Append("</text>");
                break;
        }
    }

    private static IEnumerable<DiagramText> TextOf(DiagramBox box) => box.Lines.Select((line, i) => new DiagramText(
        box.X + box.Width / 2, box.Y + box.Height / 2 + LineHeight * (i - (box.Lines.Count - 1) / 2.0) + 4.6, line, 0.5, Bold: i == 0 && box.Lines.Count > 1));

    private static (double X, double Y)[] HeadOf(DiagramLine line)
    {
        ((double x0, double y0), (double x1, double y1)) = (line.Points[^2], line.Points[^1]);
        double length = Math.Max(1e-9, Math.Sqrt((x1 - x0) * (x1 - x0) + (y1 - y0) * (y1 - y0)));
        (double dx, double dy) = ((x1 - x0) / length * Head, (y1 - y0) / length * Head);
        return [(x1, y1), (x1 - dx - dy / 2, y1 - dy + dx / 2), (x1 - dx + dy / 2, y1 - dy - dx / 2)];
    }

    private static LabelledCanvas Draw(SKBitmap bitmap, IReadOnlyList<DiagramShape> shapes, int scale)
    {
        var canvas = new LabelledCanvas(bitmap);
        canvas.Clear(SKColor.Parse(Paper.Light));
        canvas.Scale(scale);
        foreach (DiagramShape shape in shapes) Draw(canvas, shape);
        return canvas;
    }

    private static void Draw(SKCanvas canvas, DiagramShape shape)
    {
        switch (shape)
        {
            case DiagramBox box:
                var rect = SKRect.Create((float)box.X, (float)box.Y, (float)box.Width, (float)box.Height);
                using (SKPaint fill = PictureStyle.Fill(SKColor.Parse(Colors[box.Role].Light))) canvas.DrawRoundRect(rect, 5, 5, fill);
                using (SKPaint border = PictureStyle.Stroke(SKColor.Parse(Colors[box.Role].LightBorder), 1.5f)) canvas.DrawRoundRect(rect, 5, 5, border);
                foreach (DiagramText line in TextOf(box)) Draw(canvas, line);
                break;
            case DiagramLine line:
                SKColor color = SKColor.Parse(Colors[line.Role].LightBorder);
                using (SKPaint pen = PictureStyle.Stroke(color, 1.5f, line.Dashed ? "dash" : null))
                    foreach (((double X, double Y) a, (double X, double Y) b) in line.Points.Zip(line.Points.Skip(1))) canvas.DrawLine((float)a.X, (float)a.Y, (float)b.X, (float)b.Y, pen);
                if (!line.Arrow) break;
                using (var head = new SKPathBuilder())
                {
                    head.AddPoly([.. HeadOf(line).Select(p => new SKPoint((float)p.X, (float)p.Y))], true);
                    using SKPath path = head.Detach();
                    using SKPaint ink = PictureStyle.Fill(color);
                    canvas.DrawPath(path, ink);
                }

                break;
            case DiagramText text:
                PictureFont.Draw(canvas, text.Text, (float)text.X, (float)text.Y, (float)text.Size, SKColor.Parse(Ink.Light), (float)text.Align, text.Bold);
                break;
        }
    }
}
