using System.Text.Json.Nodes;
using SkiaSharp;

namespace UnetResnet.Notebooks.Drawing;

/// <summary>One pair of axes with the traces, shapes and remarks that belong to it.</summary>
internal sealed class PicturePanel
{
    private const float MarkerRadius = 3.1f;
    private readonly IReadOnlyList<PictureTrace> traces;

    /// <summary>Creates a panel.</summary>
    /// <param name="x">Horizontal axis.</param>
    /// <param name="y">Vertical axis.</param>
    /// <param name="traces">What is drawn, the lowest first.</param>
    internal PicturePanel(PictureAxis x, PictureAxis y, IReadOnlyList<PictureTrace> traces)
    {
        (X, Y) = (x, y);
        this.traces = traces;
    }

    internal PictureAxis X { get; }

    internal PictureAxis Y { get; }

    internal SKRect Area => new(Math.Min(X.Start, X.End), Math.Min(Y.Start, Y.End), Math.Max(X.Start, X.End), Math.Max(Y.Start, Y.End));

    internal IReadOnlyList<(double Position, string Label)> XTicks => X.Ticks(Math.Max(2, (int)(Area.Width / 70)));

    internal IReadOnlyList<(double Position, string Label)> YTicks => Y.Ticks(Math.Max(2, (int)(Area.Height / 46)));

    /// <summary>Draws grid, traces and axes.</summary>
    /// <param name="canvas">Where to draw.</param>
    /// <param name="layout">Layout of the figure.</param>
    /// <param name="slant">Angle of the labels below the horizontal axis, 0 for level ones.</param>
    internal void Draw(SKCanvas canvas, JsonNode? layout, float slant)
    {
        bool hasAxes = traces.Any(t => t.IsSupported);
        if (hasAxes) DrawGrid(canvas);
        PictureTrace[] bars = [.. traces.Where(t => t.IsBar)];
        foreach (PictureTrace trace in traces)
        {
            if (trace.IsHeatmap) DrawHeatmap(canvas, trace);
            else if (trace.IsBar && layout.Text("barmode") == "overlay") DrawBars(canvas, trace, 0, 1, layout.Number("bargap") ?? 0.2);
            else if (trace.IsBar) DrawBars(canvas, trace, Array.IndexOf(bars, trace), bars.Length, layout.Number("bargap") ?? 0.2);
            else if (trace.IsSupported) DrawScatter(canvas, trace);
            else PictureFont.Draw(canvas, $"A {trace.Type} trace is drawn only where the chart is interactive.", Area.MidX, Area.MidY, 13, PictureStyle.Soft, 0.5f);
        }
        if (hasAxes) DrawAxes(canvas, slant);
    }

    private void DrawGrid(SKCanvas canvas)
    {
        using SKPaint line = PictureStyle.Stroke(PictureStyle.Grid, 1);
        if (X.ShowsGrid) foreach ((double at, _) in XTicks) canvas.DrawLine(X.Pixel(at), Area.Top, X.Pixel(at), Area.Bottom, line);
        if (Y.ShowsGrid) foreach ((double at, _) in YTicks) canvas.DrawLine(Area.Left, Y.Pixel(at), Area.Right, Y.Pixel(at), line);
    }

    private void DrawAxes(SKCanvas canvas, float slant)
    {
        if (X.IsVisible && !traces.Any(t => t.IsHeatmap))
        {
            using SKPaint line = PictureStyle.Stroke(PictureStyle.Axis, 1);
            bool crossesZero = traces.Any(t => t.IsBar && !t.IsHorizontal) && Y.Low < 0 && Y.High > 0;
            float foot = crossesZero ? Y.Pixel(0) : Area.Bottom;
            canvas.DrawLine(Area.Left, foot, Area.Right, foot, line);
        }
        if (X.ShowsLabels)
        {
            IReadOnlyList<(double Position, string Label)> ticks = XTicks;
            int stride = Math.Max(1, (int)Math.Ceiling(15 * ticks.Count / Area.Width));
            for (int i = 0; i < ticks.Count; i += stride)
            {
                (float x, float y) = (X.Pixel(ticks[i].Position), Area.Bottom + 18);
                string[] lines = FigureReading.Lines(ticks[i].Label);
                if (slant > 0) PictureFont.Draw(canvas, string.Join(' ', lines), x + 4, y - 4, PictureStyle.TickSize, PictureStyle.Soft, 1, angle: -slant);
                else foreach ((int row, string line) in lines.Index()) PictureFont.Draw(canvas, line, x, y + PictureStyle.LineHeight * row, PictureStyle.TickSize, PictureStyle.Soft, 0.5f);
            }
        }
        if (Y.ShowsLabels)
        {
            foreach ((double at, string label) in YTicks)
                PictureFont.Draw(canvas, label, Area.Left - 8, Y.Pixel(at) + 4.3f, PictureStyle.TickSize, PictureStyle.Soft, 1);
        }
    }

    private void DrawScatter(SKCanvas canvas, PictureTrace trace)
    {
        int count = Math.Min(trace.X.Count, trace.Y.Count);
        SKPoint?[] points = new SKPoint?[count];
        for (int i = 0; i < count; i++)
        {
            (double x, double y) = (X.Position(trace.X[i]), Y.Position(trace.Y[i]));
            points[i] = double.IsNaN(x) || double.IsNaN(y) ? null : new SKPoint(X.Pixel(x), Y.Pixel(y));
        }
        canvas.Save();
        SKRect clip = Area;
        clip.Inflate(MarkerRadius + 1, MarkerRadius + 1);
        canvas.ClipRect(clip);
        if (trace.Mode.Contains("lines", StringComparison.Ordinal)) DrawLine(canvas, trace, points);
        if (trace.Mode.Contains("markers", StringComparison.Ordinal))
        {
            float radius = (float)(trace.Json.Number("marker.size") ?? 2 * MarkerRadius) / 2;
            for (int i = 0; i < count; i++)
            {
                using SKPaint fill = PictureStyle.Fill(trace.ColorAt(i));
                if (points[i] is SKPoint point) canvas.DrawCircle(point, radius, fill);
            }
        }
        canvas.Restore();
        if (!trace.Mode.Contains("text", StringComparison.Ordinal)) return;
        for (int i = 0; i < count; i++)
        {
            if (points[i] is SKPoint point && trace.LabelAt(i, trace.Y[i].AsNumber() ?? 0) is string label)
                PictureFont.Draw(canvas, label, point.X, point.Y - 8, PictureStyle.TickSize, PictureStyle.Ink, 0.5f);
        }
    }

    private static void DrawLine(SKCanvas canvas, PictureTrace trace, SKPoint?[] points)
    {
        using var path = new SKPathBuilder();
        bool down = false;
        foreach (SKPoint? point in points)
        {
            if (point is SKPoint p)
            {
                if (down) path.LineTo(p);
                else path.MoveTo(p);
                down = true;
            }
            else if (trace.Json.Flag("connectgaps") != true)
            {
                down = false;
            }
        }
        using SKPath line = path.Detach();
        using SKPaint pen = PictureStyle.Stroke(trace.Color, (float)(trace.Json.Number("line.width") ?? 2), trace.Json.Text("line.dash"));
        canvas.DrawPath(line, pen);
    }

    private void DrawBars(SKCanvas canvas, PictureTrace trace, int place, int places, double gap)
    {
        (PictureAxis along, PictureAxis across) = trace.IsHorizontal ? (Y, X) : (X, Y);
        (IReadOnlyList<JsonNode?> positions, IReadOnlyList<JsonNode?> values) = trace.IsHorizontal ? (trace.Y, trace.X) : (trace.X, trace.Y);
        double width = (1 - gap) / places;
        for (int i = 0; i < Math.Min(positions.Count, values.Count); i++)
        {
            (double position, double value) = (along.Position(positions[i]), across.Position(values[i]));
            if (double.IsNaN(position) || double.IsNaN(value)) continue;
            double left = position - (1 - gap) / 2 + place * width;
            (float a, float b) = (along.Pixel(left), along.Pixel(left + width));
            (float zero, float end) = (across.Pixel(Math.Max(0, Math.Min(across.Low, across.High))), across.Pixel(value));
            SKRect bar = trace.IsHorizontal ? new SKRect(zero, a, end, b) : new SKRect(a, end, b, zero);
            using SKPaint fill = PictureStyle.Fill(trace.ColorAt(i));
            canvas.DrawRect(bar.Standardized, fill);
            if (trace.LabelAt(i, value) is not string label) continue;
            if (trace.IsHorizontal) PictureFont.Draw(canvas, label, end + 6, (a + b) / 2 + 4.3f, PictureStyle.TickSize, PictureStyle.Ink);
            else PictureFont.Draw(canvas, label, (a + b) / 2, value < 0 ? end + 15 : end - 6, PictureStyle.TickSize, PictureStyle.Ink, 0.5f);
        }
    }

    private void DrawHeatmap(SKCanvas canvas, PictureTrace trace)
    {
        (JsonArray z, JsonArray texts) = (trace.Json.Items("z"), trace.Json.Items("text"));
        var scale = PictureColorScale.Of(trace);
        float gap = (float)(trace.Json.Number("xgap") ?? 0) / 2;
        for (int row = 0; row < Math.Min(z.Count, trace.Y.Count); row++)
        {
            JsonArray cells = z[row] as JsonArray ?? [];
            for (int column = 0; column < Math.Min(cells.Count, trace.X.Count); column++)
            {
                if (cells[column].AsNumber() is not double value) continue;
                (double x, double y) = (X.Position(trace.X[column]), Y.Position(trace.Y[row]));
                SKRect cell = new SKRect(X.Pixel(x - 0.5), Y.Pixel(y - 0.5), X.Pixel(x + 0.5), Y.Pixel(y + 0.5)).Standardized;
                cell.Inflate(-gap, -gap);
                SKColor color = scale.At(value);
                using SKPaint fill = PictureStyle.Fill(color);
                canvas.DrawRect(cell, fill);
                string? text = row < texts.Count && texts[row] is JsonArray line && column < line.Count ? line[column].AsText() : null;
                string? label = trace.Json.Text("texttemplate") is string template ? FigureReading.Fill(template, value, text) : null;
                if (label is not null && PictureFont.Measure(label, PictureStyle.TickSize) < cell.Width - 2 && cell.Height > 13)
                    PictureFont.Draw(canvas, label, cell.MidX, cell.MidY + 4.3f, PictureStyle.TickSize, PictureStyle.InkOn(color), 0.5f);
            }
        }
    }
}
