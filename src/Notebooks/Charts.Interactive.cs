using System.Text.Json.Nodes;
using Microsoft.FSharp.Collections;
using Plotly.NET;
using SkiaSharp;
using UnetResnet.Data;
using UnetResnet.Notebooks.Drawing;

namespace UnetResnet.Notebooks;

/// <remarks>
/// Sliders and buttons are plotly's own: everything is computed beforehand and lies in the figure, so that they move without a kernel or a server in VS Code, JupyterLab and
/// the report. The still picture (GitHub) shows the position that is active and says that there are others.
/// </remarks>
public static partial class Charts
{
    /// <summary>Several charts of one kind as one, with a slider that chooses which is seen. All share one scale, so that what changes is what moves.</summary>
    /// <example>
    /// <code>
    /// Charts.Slider("old statistics count as", counts.ToDictionary(n => $"{n} images", n => Charts.Bars(Scores(n), $"Blended with {n}", "IoU")), active: 2)
    /// </code>
    /// </example>
    /// <param name="name">What the slider varies, such as <c>momentum</c>.</param>
    /// <param name="positions">A chart for each position, by its label, from left to right; each with its own title.</param>
    /// <param name="active">Which position is seen at first, from 0.</param>
    /// <returns>The chart.</returns>
    /// <exception cref="ArgumentException">There are fewer than two positions.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There is no such position.</exception>
    public static GenericChart Slider(string name, IReadOnlyDictionary<string, GenericChart> positions, int active = 0)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        (GenericChart chart, IReadOnlyList<Dictionary<string, object>> steps) = Together(positions, active);
        WithSlider(chart, name, steps, active);
        return chart;
    }

    /// <summary>Several charts of one kind as one, with a button for each. All share one scale.</summary>
    /// <example>
    /// <code>
    /// Charts.Buttons(new Dictionary&lt;string, GenericChart&gt; { ["fed as in training"] = distance.Chart(StatisticsPath.Training), ["fed as in inference"] = distance.Chart(StatisticsPath.Inference) })
    /// </code>
    /// </example>
    /// <param name="choices">A chart for each button, by its label.</param>
    /// <param name="active">Which is seen at first, from 0.</param>
    /// <returns>The chart.</returns>
    /// <exception cref="ArgumentException">There are fewer than two choices.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There is no such choice.</exception>
    public static GenericChart Buttons(IReadOnlyDictionary<string, GenericChart> choices, int active = 0)
    {
        (GenericChart chart, IReadOnlyList<Dictionary<string, object>> buttons) = Together(choices, active);
        GenericChart.getLayout(chart).SetProperty("updatemenus", new[]
        {
            ChartParts.Map(
                ("type", "buttons"), ("direction", "right"), ("buttons", buttons), ("active", active), ("showactive", true), ("x", 0), ("xanchor", "left"), ("y", 1.02), ("yanchor", "bottom"),
                ("pad", ChartParts.Map(("t", 0), ("b", 4))), ("bgcolor", "rgba(128,128,128,0.12)"), ("bordercolor", "rgba(128,128,128,0.5)")),
        });
        AddRoom(chart, top: 36, bottom: 0);
        return chart;
    }

    /// <summary>Galleries as one chart with a slider, such as the predictions after every epoch.</summary>
    /// <example>
    /// <code>
    /// Charts.Slider("epoch", epochs.ToDictionary(e => $"{e}", e => ImageGallery.Segmentation($"After epoch {e}", samples, predictions[e]))
    /// </code>
    /// </example>
    /// <param name="name">What the slider varies, such as <c>epoch</c>.</param>
    /// <param name="positions">A gallery for each position, by its label; all with the same number of pictures, of one size. The figures' size is about 2 KB for each picture of 96×96.</param>
    /// <param name="active">Which position is seen at first, from 0.</param>
    /// <param name="only">Which pictures of each gallery, from 0, such as the last column of a segmentation, <c>[3, 7, 11]</c>; nothing for all.</param>
    /// <returns>The chart; the pictures are compressed with losses that the eye hardly sees.</returns>
    /// <exception cref="ArgumentException">There are fewer than two positions, or the galleries differ in number or size of their pictures.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There is no such position or picture.</exception>
    public static GenericChart Slider(string name, IReadOnlyDictionary<string, ImageGallery> positions, int active = 0, IReadOnlyList<int>? only = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        CheckPositions(positions.Count, active);
        (PixelImage Picture, string Caption)[][] frames = [.. positions.Values.Select(gallery => Chosen(gallery, only))];
        (int width, int height, int count) = (frames[0][0].Picture.Width, frames[0][0].Picture.Height, frames[0].Length);
        foreach ((string label, (PixelImage Picture, string Caption)[] frame) in positions.Keys.Zip(frames))
            if (frame.Length != count || frame.Any(cell => (cell.Picture.Width, cell.Picture.Height) != (width, height)))
                throw new ArgumentException($"Expected {count} pictures of {width}×{height} at every position as at the first, but '{label}' has others.", nameof(positions));

        const double gap = 0.06, caption = 0.2;
        int columns = Math.Min(count, 4), rows = (count + columns - 1) / columns;
        double aspect = (double)height / width, rowHeight = aspect + caption;
        (double Left, double Top) Place(int i) => (i % columns * (1 + gap), (rows - i / columns) * rowHeight);
        List<Dictionary<string, object>> Images((PixelImage Picture, string Caption)[] frame) => [.. frame.Select((cell, i) => ChartParts.Map(
            ("source", DataUri(cell.Picture)), ("xref", "x"), ("yref", "y"), ("x", Place(i).Left), ("y", Place(i).Top), ("sizex", 1), ("sizey", aspect), ("sizing", "stretch"), ("layer", "above")))];
        List<Dictionary<string, object>> Captions((PixelImage Picture, string Caption)[] frame) => [.. frame.Select((cell, i) => ChartParts.Map(
            ("text", cell.Caption), ("x", Place(i).Left), ("y", Place(i).Top - aspect - 0.02), ("xref", "x"), ("yref", "y"), ("xanchor", "left"), ("yanchor", "top"), ("showarrow", false)))];

        double right = columns * (1 + gap) - gap, top = rows * rowHeight;
        Trace corners = ChartParts.Trace("scatter", ("mode", "none"), ("x", new[] { 0, right }), ("y", new[] { 0, top }), ("hoverinfo", "skip"), ("showlegend", false));
        Dictionary<string, object>[] steps = [.. positions.Select((position, i) => ChartParts.Map(
            ("label", position.Key), ("method", "relayout"),
            ("args", new object[] { ChartParts.Map([("title.text", position.Value.Title), ("annotations", Captions(frames[i])),
                .. Images(frames[i]).Select((image, k) => ($"images[{k}].source", image["source"]))]) })))];
        GenericChart chart = ChartParts.Chart(positions.Values.ElementAt(active).Title, [corners],
            ("images", Images(frames[active])), ("annotations", Captions(frames[active])), ("height", (int)(100 + 700 / right * top)),
            ("xaxis", ChartParts.Map(("visible", false), ("range", new[] { 0, right }), ("constrain", "domain"))),
            ("yaxis", ChartParts.Map(("visible", false), ("range", new[] { 0, top }), ("scaleanchor", "x"), ("constrain", "domain"))),
            ("dragmode", false), ("margin", ChartParts.Map(("l", 16), ("b", 8))));
        WithSlider(chart, name, steps, active);
        return chart;
    }

    private static (PixelImage Picture, string Caption)[] Chosen(ImageGallery gallery, IReadOnlyList<int>? only)
    {
        if (only is null) return [.. gallery.Cells];
        if (only.Any(i => i < 0 || i >= gallery.Count) || only.Count == 0)
            throw new ArgumentOutOfRangeException(nameof(only), $"Expected pictures from 0 to {gallery.Count - 1}, got [{string.Join(", ", only)}].");
        return [.. only.Select(i => gallery.Cells[i])];
    }

    private static string DataUri(PixelImage picture)
    {
        using var bitmap = new SKBitmap(picture.Width, picture.Height, SKColorType.Rgba8888, SKAlphaType.Opaque);
        int last = picture.Channels - 1;
        for (int y = 0; y < picture.Height; y++)
            for (int x = 0; x < picture.Width; x++)
                bitmap.SetPixel(x, y, new SKColor(picture[y, x], picture[y, x, last / 2], picture[y, x, last]));
        using SKData data = bitmap.Encode(SKEncodedImageFormat.Webp, 80);
        return "data:image/webp;base64," + Convert.ToBase64String(data.ToArray());
    }

    private static void CheckPositions(int count, int active)
    {
        if (count < 2) throw new ArgumentException($"Expected at least two positions to choose from, got {count}.");
        if (active < 0 || active >= count) throw new ArgumentOutOfRangeException(nameof(active), active, $"Expected 0 to {count - 1}.");
    }

    /// <summary>All charts in one figure with one of them visible, and what each position changes.</summary>
    private static (GenericChart Chart, IReadOnlyList<Dictionary<string, object>> Steps) Together(IReadOnlyDictionary<string, GenericChart> charts, int active)
    {
        CheckPositions(charts.Count, active);
        JsonObject[] figures = [.. charts.Values.Select(ChartFigure.Of)];
        Trace[][] traces = [.. charts.Values.Select(chart => GenericChart.getTraces(chart).ToArray())];
        int total = traces.Sum(t => t.Length);
        var steps = new List<Dictionary<string, object>>();
        foreach ((int i, string label) in charts.Keys.Index())
        {
            int before = traces.Take(i).Sum(t => t.Length);
            bool[] visible = [.. Enumerable.Range(0, total).Select(k => k >= before && k < before + traces[i].Length)];
            foreach (Trace trace in traces[i]) trace.SetProperty("visible", i == active);
            JsonNode? layout = figures[i]["layout"];
            steps.Add(ChartParts.Map(("label", label), ("method", "update"), ("args", new object[]
            {
                ChartParts.Map(("visible", visible)),
                ChartParts.Map(("title.text", layout.Text("title.text") ?? ""), ("shapes", ListOf(charts[label], "shapes")), ("annotations", ListOf(charts[label], "annotations"))),
            })));
        }

        Layout shown = GenericChart.getLayout(charts.Values.ElementAt(active));
        ShareScale(figures, shown, [.. traces.SelectMany(t => t)]);
        return (GenericChart.NewMultiChart(ListModule.OfSeq(traces.SelectMany(t => t)), shown, new Config(), new DisplayOptions()), steps);
    }

    private static List<object> ListOf(GenericChart chart, string name) =>
        GenericChart.getLayout(chart).Properties.TryGetValue(name, out object? list) && list is IEnumerable<object> items ? [.. items] : [];

    // Bars and lines get one range of ordinates, heat maps one range of colours.
    private static void ShareScale(JsonObject[] figures, Layout layout, Trace[] traces)
    {
        JsonObject[] all = [.. figures.SelectMany(figure => figure.Items("data")).OfType<JsonObject>()];
        double[] z = [.. all.SelectMany(trace => trace.Items("z")).OfType<JsonArray>().SelectMany(row => row).Select(v => v.AsNumber()).OfType<double>()];
        if (z.Length > 0)
            foreach (Trace trace in traces) (trace.Properties["zmin"], trace.Properties["zmax"]) = (z.Min(), z.Max());

        double[] y = [.. all.Where(trace => trace["z"] is null).SelectMany(trace => trace.Items("y")).Select(v => v.AsNumber()).OfType<double>()];
        if (y.Length == 0 || !layout.Properties.TryGetValue("yaxis", out object? axis) || axis is not Dictionary<string, object> attributes || attributes.ContainsKey("range")) return;
        bool logarithmic = attributes.TryGetValue("type", out object? type) && type is "log";
        if (logarithmic) y = [.. y.Where(v => v > 0).Select(Math.Log10)];
        if (type is "category" || y.Length == 0) return;
        bool fromZero = !logarithmic && (all.Any(trace => trace.Text("type") == "bar") || (attributes.TryGetValue("rangemode", out object? mode) && mode is "tozero"));
        (double low, double high) = fromZero ? (Math.Min(0, y.Min()), Math.Max(0, y.Max())) : (y.Min(), y.Max());
        double room = 0.08 * Math.Max(high - low, 1e-9);
        attributes["range"] = new[] { low < 0 || !fromZero ? low - room : low, high + room };
    }

    private static void WithSlider(GenericChart chart, string name, IReadOnlyList<Dictionary<string, object>> steps, int active)
    {
        AddRoom(chart, top: 0, bottom: 92);
        GenericChart.getLayout(chart).SetProperty("sliders", new[]
        {
            ChartParts.Map(
                ("active", active), ("steps", steps), ("x", 0), ("len", 1), ("y", 0), ("yanchor", "top"), ("pad", ChartParts.Map(("t", 56), ("b", 8))),
                ("currentvalue", ChartParts.Map(("prefix", name + ": "), ("xanchor", "left"), ("font", ChartParts.Map(("size", 13))))),
                ("bgcolor", "rgba(128,128,128,0.25)"), ("bordercolor", "rgba(128,128,128,0.5)"), ("activebgcolor", ChartPalette.Neutral)),
        });
    }

    private static void AddRoom(GenericChart chart, int top, int bottom)
    {
        Layout layout = GenericChart.getLayout(chart);
        var margin = (Dictionary<string, object>)layout.Properties["margin"]!;
        (margin["t"], margin["b"]) = ((int)margin["t"] + top, (int)margin["b"] + bottom);
        layout.SetProperty("height", (int)layout.Properties["height"]! + top + bottom);
    }
}
