using System.Text.Json.Nodes;
using Plotly.NET;
using SkiaSharp;
using UnetResnet.Notebooks.Drawing;

namespace UnetResnet.Notebooks;

/// <summary>
/// Draws a chart as a still PNG without a browser: for GitHub, which runs no script, and for README and papers.
/// </summary>
/// <remarks>
/// It knows lines, markers, bars and heat maps on linear, logarithmic and category axes, panels side by side, legends, reference lines,
/// pictures and remarks: what <see cref="Charts"/> makes. Of a chart with a slider or buttons it shows the position that is active. Any other trace leaves a
/// sentence in its place that says so.
/// </remarks>
public static class ChartPicture
{
    private const float Edge = 18, LegendRow = 21, LegendGap = 20, Sample = 34;

    /// <summary>Draws a chart on white paper.</summary>
    /// <param name="chart">The chart.</param>
    /// <param name="width">Width in CSS pixels, 200 to 4000.</param>
    /// <param name="height">Height in CSS pixels, 150 to 4000, or nothing for the height that the chart asks for.</param>
    /// <param name="scale">Dots per CSS pixel, 1 to 4; 2 is sharp on most screens.</param>
    /// <returns>A PNG of <paramref name="width"/> × <paramref name="scale"/> by height × <paramref name="scale"/> dots.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A size is out of its range.</exception>
    public static byte[] Png(GenericChart chart, int width = 760, int? height = null, int scale = 2) => Png(ChartFigure.Of(chart), width, height, scale);

    internal static byte[] Png(JsonObject figure, int width = 760, int? height = null, int scale = 2)
    {
        int rows = height ?? HeightOf(figure);
        CheckRange(width, 200, 4000, nameof(width));
        CheckRange(rows, 150, 4000, nameof(height));
        CheckRange(scale, 1, 4, nameof(scale));
        using var bitmap = new SKBitmap(width * scale, rows * scale, SKColorType.Rgba8888, SKAlphaType.Opaque);
        using LabelledCanvas canvas = Draw(bitmap, figure, scale);
        return IndexedPng.Encode(bitmap);
    }

    /// <summary>The labels of a picture, each with the box around it in dots, of which there is one for each CSS pixel.</summary>
    internal static IReadOnlyList<(string Text, SKRect Box)> Labels(JsonObject figure, int width = 760)
    {
        using var bitmap = new SKBitmap(width, HeightOf(figure), SKColorType.Rgba8888, SKAlphaType.Opaque);
        using LabelledCanvas canvas = Draw(bitmap, figure, 1);
        return [.. canvas.Labels];
    }

    /// <summary>Height of the picture: that of the chart, without the room that only a slider needs.</summary>
    internal static int HeightOf(JsonObject figure) => (int)(figure.Number("layout.height") ?? 400) - (figure["layout"].Items("sliders").Count > 0 ? 70 : 0);

    private static LabelledCanvas Draw(SKBitmap bitmap, JsonObject figure, int scale)
    {
        var canvas = new LabelledCanvas(bitmap);
        canvas.Clear(SKColors.White);
        canvas.Scale(scale);
        Draw(canvas, figure, (float)bitmap.Width / scale, (float)bitmap.Height / scale);
        return canvas;
    }

    private static void Draw(SKCanvas canvas, JsonObject figure, float width, float height)
    {
        JsonNode? layout = figure["layout"];
        PictureTrace[] traces = [.. figure.Items("data").OfType<JsonObject>()
            .Select((trace, i) => new PictureTrace(trace, SKColor.Parse(ChartPalette.Series[i % ChartPalette.Series.Count])))
            .Where(trace => trace.IsVisible)];
        (PicturePanel Panel, JsonNode? XLayout, JsonNode? YLayout)[] panels = [.. PanelsOf(layout, traces)];

        string[] title = FigureReading.Lines(layout.Text("title.text") ?? layout.Text("title"));
        PictureColorScale? key = traces.FirstOrDefault(t => t.IsHeatmap && t.Json.Flag("showscale") != false) is PictureTrace map ? PictureColorScale.Of(map) : null;
        List<List<PictureTrace>> legend = LegendRows(layout, traces, width - 2 * Edge);
        string? note = PictureRemarks.Control(layout);
        int headings = layout.Items("annotations").Where(a => a.Text("yref") == "paper" && a.Number("y") >= 1).Select(a => FigureReading.Lines(a.Text("text")).Length).DefaultIfEmpty(0).Max();
        // What is drawn below the axis in shares of the area (a negative y on "paper") has its room in the margin.
        float drawing = layout.Items("annotations").Any(a => a.Text("yref") == "paper" && a.Number("y") < 0) ? (float)Math.Max(0, (layout.Number("margin.b") ?? 48) - 48) : 0;
        bool titled = panels.Any(p => p.Panel.X.Title is not null && p.Panel.X.IsVisible);

        // The ticks, and with them the margins, depend on the area and the other way round: a first guess is good enough for the labels.
        SKRect area = new(70, 40, width - Edge, height - 70);
        Place(panels, area);
        float labels = panels.Where(p => p.Panel.Y.ShowsLabels).SelectMany(p => p.Panel.YTicks).Select(t => PictureFont.Measure(t.Label, PictureStyle.TickSize)).DefaultIfEmpty(0).Max();
        float left = Edge + labels + 8 + (panels.Any(p => p.Panel.Y.Title is not null && p.Panel.Y.IsVisible) ? 24 : 0);
        float right = width - Math.Max(key is null ? Edge : Edge + PictureColorScale.KeyWidth, (float)(layout.Number("margin.r") ?? 0));
        Place(panels, new SKRect(left, 40, right, height - 70));
        float slant = panels.Any(p => NeedsSlant(p.Panel)) ? 40 : 0;
        // A slanted label ends at its tick and begins far to the left of it.
        foreach ((PicturePanel panel, _, _) in panels.Where(_ => slant > 0))
            foreach ((double at, string label) in panel.XTicks) left = Math.Max(left, left + 0.77f * Width(label) + 6 - panel.X.Pixel(at));
        float below = drawing > 0 ? drawing : slant == 0
            ? 9 + PictureStyle.LineHeight * panels.Where(p => p.Panel.X.ShowsLabels).SelectMany(p => p.Panel.XTicks).Select(t => FigureReading.Lines(t.Label).Length).DefaultIfEmpty(0).Max()
            : 12 + 0.68f * panels.SelectMany(p => p.Panel.XTicks).Max(t => Width(t.Label));
        area = new SKRect(
            left,
            Edge + 23 * title.Length + 4 + PictureStyle.LineHeight * headings + 6,
            right,
            height - 10 - below - (titled ? 22 : 0) - (legend.Count > 0 ? 8 + LegendRow * legend.Count : 0) - (note is null ? 0 : 22));
        // Pictures keep their proportions, as plotly.js's scaleanchor has it.
        if (panels is [var only] && only.YLayout.Text("scaleanchor") is not null)
        {
            double unit = Math.Min(area.Width / Math.Abs(only.Panel.X.High - only.Panel.X.Low), area.Height / Math.Abs(only.Panel.Y.High - only.Panel.Y.Low));
            area = SKRect.Create(area.Left, area.Top, (float)(unit * Math.Abs(only.Panel.X.High - only.Panel.X.Low)), (float)(unit * Math.Abs(only.Panel.Y.High - only.Panel.Y.Low)));
        }
        Place(panels, area);

        foreach ((int i, string line) in title.Index())
            PictureFont.Draw(canvas, line, Edge, Edge + 14 + 23 * i, PictureStyle.TitleSize, PictureStyle.Ink, bold: true);
        foreach ((PicturePanel panel, _, _) in panels)
        {
            panel.Draw(canvas, layout, slant);
            if (panel.X.Title is string x && panel.X.IsVisible)
                PictureFont.Draw(canvas, x, panel.Area.MidX, area.Bottom + below + 15, PictureStyle.LabelSize, PictureStyle.Ink, 0.5f);
            if (panel.Y.Title is string y && panel.Y.IsVisible)
                PictureFont.Draw(canvas, y, panel.Area.Left - labels - 18, panel.Area.MidY, PictureStyle.LabelSize, PictureStyle.Ink, 0.5f, angle: -90);
        }
        if (panels is [var first, ..]) PictureRemarks.Draw(canvas, layout, first.Panel, area);
        key?.DrawKey(canvas, new SKRect(area.Right + 14, area.Top, area.Right + 28, area.Bottom));
        DrawLegend(canvas, legend, area.Bottom + below + (titled ? 22 : 0) + 8);
        if (note is not null) PictureFont.Draw(canvas, note, Edge, height - 10, PictureStyle.TickSize, PictureStyle.Soft);
    }

    private static float Width(string label) => PictureFont.Measure(string.Join(' ', FigureReading.Lines(label)), PictureStyle.TickSize);

    private static IEnumerable<(PicturePanel, JsonNode?, JsonNode?)> PanelsOf(JsonNode? layout, PictureTrace[] traces)
    {
        JsonNode? LayoutOf(string axis) => layout.At(axis[..1] + "axis" + axis[1..]);
        string Root(string axis) => LayoutOf(axis).Text("matches") ?? axis;
        PictureTrace[] Along(string axis, string kind) => [.. traces.Where(t => Root(t.Json.Text(kind + "axis") ?? kind) == Root(axis))];

        // A line at a value beyond the traces is drawn too, as plotly.js does.
        IEnumerable<JsonNode?> Lines(string axis) => layout.Items("shapes").Where(shape => (shape.Text("yref") ?? "y") == axis).SelectMany(shape => (JsonNode?[])[shape.At("y0"), shape.At("y1")]);

        PictureAxis AxisOf(string axis, string kind)
        {
            PictureTrace[] along = Along(axis, kind);
            bool isX = kind == "x";
            JsonNode?[] values = [.. along.SelectMany(t => isX ? t.X : t.Y), .. isX ? [] : Lines(axis)];
            return new PictureAxis(LayoutOf(axis), values,
                halfStep: along.Any(t => t.IsHeatmap || (t.IsBar && t.IsHorizontal != isX)),
                includeZero: along.Any(t => t.IsBar && t.IsHorizontal == isX),
                padding: !isX ? 0.07 : along.Any(t => t.IsBar) ? 0.1 : along.Any(t => t.Mode.Contains("markers", StringComparison.Ordinal)) ? 0.02 : 0);
        }

        foreach (var group in traces.GroupBy(t => (X: t.Json.Text("xaxis") ?? "x", Y: t.Json.Text("yaxis") ?? "y")))
            yield return (new PicturePanel(AxisOf(group.Key.X, "x"), AxisOf(group.Key.Y, "y"), [.. group]), LayoutOf(group.Key.X), LayoutOf(group.Key.Y));
    }

    private static void Place((PicturePanel Panel, JsonNode? XLayout, JsonNode? YLayout)[] panels, SKRect area)
    {
        foreach ((PicturePanel panel, JsonNode? x, JsonNode? y) in panels)
        {
            (double from, double to) = DomainOf(x);
            (panel.X.Start, panel.X.End) = (area.Left + (float)from * area.Width, area.Left + (float)to * area.Width);
            (from, to) = DomainOf(y);
            (panel.Y.Start, panel.Y.End) = (area.Bottom - (float)from * area.Height, area.Bottom - (float)to * area.Height);
        }
    }

    private static (double From, double To) DomainOf(JsonNode? axis) =>
        axis.Items("domain") is [var from, var to] ? (from.AsNumber() ?? 0, to.AsNumber() ?? 1) : (0, 1);

    private static bool NeedsSlant(PicturePanel panel)
    {
        IReadOnlyList<(double Position, string Label)> ticks = panel.XTicks;
        return panel.X.ShowsLabels && ticks.Count > 1 && ticks.SelectMany(t => FigureReading.Lines(t.Label)).Max(line => PictureFont.Measure(line, PictureStyle.TickSize)) + 6 > panel.Area.Width / ticks.Count;
    }

    private static List<List<PictureTrace>> LegendRows(JsonNode? layout, PictureTrace[] traces, float width)
    {
        PictureTrace[] named = [.. traces.Where(t => t.Name is not null && !t.IsHeatmap && t.Json.Flag("showlegend") != false)];
        if (layout.Flag("showlegend") == false || (named.Length < 2 && layout.Flag("showlegend") != true && traces.Length < 2)) return [];
        var rows = new List<List<PictureTrace>>();
        float x = width;
        foreach (PictureTrace trace in named)
        {
            float entry = EntryWidth(trace);
            if (x + entry > width)
            {
                rows.Add([]);
                x = 0;
            }
            rows[^1].Add(trace);
            x += entry + LegendGap;
        }
        return rows;
    }

    private static float EntryWidth(PictureTrace trace) => Sample + 7 + PictureFont.Measure(trace.Name!, PictureStyle.LabelSize);

    private static void DrawLegend(SKCanvas canvas, List<List<PictureTrace>> rows, float top)
    {
        foreach ((int i, List<PictureTrace> row) in rows.Index())
        {
            float x = Edge;
            float y = top + LegendRow * i + LegendRow / 2;
            foreach (PictureTrace trace in row)
            {
                using SKPaint line = PictureStyle.Stroke(trace.Color, 2, trace.Json.Text("line.dash"));
                using SKPaint fill = PictureStyle.Fill(trace.ColorAt(0));
                if (trace.IsBar) canvas.DrawRect(x + 21, y - 6, 13, 12, fill);
                else if (trace.Mode.Contains("lines", StringComparison.Ordinal)) canvas.DrawLine(x, y, x + Sample, y, line);
                if (!trace.IsBar && trace.Mode.Contains("markers", StringComparison.Ordinal)) canvas.DrawCircle(x + Sample / 2, y, 3.1f, fill);
                PictureFont.Draw(canvas, trace.Name!, x + Sample + 7, y + 4.6f, PictureStyle.LabelSize, PictureStyle.Ink);
                x += EntryWidth(trace) + LegendGap;
            }
        }
    }

    private static void CheckRange(int value, int least, int most, string name)
    {
        if (value < least || value > most) throw new ArgumentOutOfRangeException(name, value, $"Expected {least} to {most}.");
    }
}
