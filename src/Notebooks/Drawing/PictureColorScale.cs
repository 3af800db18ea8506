using System.Text.Json.Nodes;
using SkiaSharp;

namespace UnetResnet.Notebooks.Drawing;

/// <summary>The colour scale of a heat map and its key.</summary>
internal sealed class PictureColorScale
{
    /// <summary>Width that the key takes beside the area.</summary>
    internal const float KeyWidth = 86;

    private readonly (double At, SKColor Color)[] stops;

    private PictureColorScale((double, SKColor)[] stops, double low, double high, string? title)
    {
        this.stops = stops;
        (Low, High) = low < high ? (low, high) : (low - 0.5, low + 0.5);
        Title = title;
    }

    internal double Low { get; }

    internal double High { get; }

    internal string? Title { get; }

    /// <summary>The scale of a heat map; a scale that is only named is drawn as the kit's own.</summary>
    internal static PictureColorScale Of(PictureTrace trace)
    {
        double[] values = [.. trace.Json.Items("z").OfType<JsonArray>().SelectMany(row => row).Select(v => v.AsNumber()).OfType<double>()];
        (double, SKColor)[] stops = [.. trace.Json.Items("colorscale").OfType<JsonArray>()
            .Select(stop => (stop[0].AsNumber() ?? 0, stop[1].AsColor() ?? SKColors.Gray))];
        if (stops.Length < 2)
        {
            IReadOnlyList<string> colors = Cividis.Colors;
            stops = [.. colors.Select((color, i) => ((double)i / (colors.Count - 1), SKColor.Parse(color)))];
        }
        return new PictureColorScale(
            stops,
            trace.Json.Number("zmin") ?? values.DefaultIfEmpty(0).Min(),
            trace.Json.Number("zmax") ?? values.DefaultIfEmpty(1).Max(),
            trace.Json.Text("colorbar.title.text"));
    }

    /// <summary>Colour of a value, between the two nearest stops.</summary>
    internal SKColor At(double value)
    {
        double at = Math.Clamp((value - Low) / (High - Low), 0, 1);
        int next = Array.FindIndex(stops, s => s.At >= at);
        if (next <= 0) return next == 0 ? stops[0].Color : stops[^1].Color;
        ((double a, SKColor from), (double b, SKColor to)) = (stops[next - 1], stops[next]);
        double t = b > a ? (at - a) / (b - a) : 0;
        byte Mix(byte p, byte q) => (byte)Math.Round(p + t * (q - p));
        return new SKColor(Mix(from.Red, to.Red), Mix(from.Green, to.Green), Mix(from.Blue, to.Blue));
    }

    /// <summary>Draws the key: a strip of all colours with labelled values.</summary>
    internal void DrawKey(SKCanvas canvas, SKRect strip)
    {
        const int bands = 64;
        for (int band = 0; band < bands; band++)
        {
            using SKPaint fill = PictureStyle.Fill(At(High - (band + 0.5) / bands * (High - Low)));
            fill.IsAntialias = false;
            canvas.DrawRect(strip.Left, strip.Top + strip.Height * band / bands, strip.Width, strip.Height / bands, fill);
        }
        var axis = new PictureAxis(null, [Low, High], halfStep: false, includeZero: false, padding: 0) { Start = strip.Bottom, End = strip.Top };
        foreach ((double at, string label) in axis.Ticks((int)(strip.Height / 40)))
            PictureFont.Draw(canvas, label, strip.Right + 6, axis.Pixel(at) + 4.3f, PictureStyle.TickSize, PictureStyle.Soft);
        if (Title is not null) PictureFont.Draw(canvas, Title, strip.Right + 50, strip.MidY, PictureStyle.TickSize, PictureStyle.Soft, 0.5f, angle: 90);
    }
}
