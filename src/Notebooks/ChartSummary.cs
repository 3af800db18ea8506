using System.Text.Json.Nodes;
using UnetResnet.Notebooks.Drawing;
using UnetResnet.Runtime;

namespace UnetResnet.Notebooks;

/// <summary>Says in one line what a chart shows: its text for terminals and screen readers.</summary>
internal static class ChartSummary
{
    private const int MostSeries = 8, MostBars = 12;

    internal static string Of(JsonObject figure)
    {
        string title = string.Join(' ', FigureReading.Lines(figure.Text("layout.title.text") ?? figure.Text("layout.title")));
        var traces = figure.Items("data").OfType<JsonObject>().Where(trace => trace.Flag("visible") != false && trace.Text("hoverinfo") != "skip").ToList();
        var parts = traces.Take(MostSeries).Select((trace, i) => Describe(trace, i)).ToList();
        if (traces.Count > MostSeries) parts.Add($"and {traces.Count - MostSeries} more series");
        string text = $"Chart: {(title.Length > 0 ? title : "without a title")}.{(parts.Count > 0 ? $" {string.Join("; ", parts)}." : "")}";
        return PictureRemarks.Control(figure["layout"]) is string control ? $"{text} {control}" : text;
    }

    private static string Describe(JsonObject trace, int place)
    {
        string type = trace.Text("type") ?? "scatter";
        string name = trace.Text("name") is string given ? (given.Length > 0 ? given + " " : "") : type == "scatter" ? $"series {place + 1} " : "";
        return type switch
        {
            "bar" => name + Bars(trace),
            "heatmap" => name + Heatmap(trace),
            "scatter" or "scattergl" => name + Line(trace),
            _ => $"{name}({type})",
        };
    }

    private static string Line(JsonObject trace)
    {
        JsonArray x = trace.Items("x");
        (string At, double Value)[] points = [.. trace.Items("y")
            .Select((y, i) => (At: i < x.Count ? Short(x[i]) : $"{i}", Value: y.AsNumber() ?? double.NaN))
            .Where(p => double.IsFinite(p.Value))];
        if (points.Length == 0) return Dots(trace);
        (string At, double Value) low = points.MinBy(p => p.Value), high = points.MaxBy(p => p.Value);
        string text = points.Length == 1 ? Short(points[0].Value) : $"{Short(points[0].Value)} → {Short(points[^1].Value)} ({points.Length} points";
        if (points.Length == 1) return text;
        if (low.Value < Math.Min(points[0].Value, points[^1].Value)) text += $", lowest {Short(low.Value)} at {low.At}";
        if (high.Value > Math.Max(points[0].Value, points[^1].Value)) text += $", highest {Short(high.Value)} at {high.At}";
        return text + ")";
    }

    // Values along the abscissa, by the names at the ordinate: from the lowest to the highest of each name.
    private static string Dots(JsonObject trace)
    {
        JsonArray names = trace.Items("y");
        var rows = trace.Items("x").Select((x, i) => (Name: i < names.Count ? names[i].AsText() : null, Value: x.AsNumber() ?? double.NaN)).Where(dot => dot.Name is not null && double.IsFinite(dot.Value))
            .GroupBy(dot => dot.Name, dot => dot.Value).Select(row => row.Min() == row.Max() ? $"{row.Key} {Short(row.Min())}" : $"{row.Key} {Short(row.Min())} to {Short(row.Max())}").ToList();
        if (rows.Count == 0) return "has no finite value";
        return string.Join(", ", rows.Take(MostBars)) + (rows.Count > MostBars ? $" and {rows.Count - MostBars} more" : "");
    }

    private static string Bars(JsonObject trace)
    {
        bool horizontal = trace.Text("orientation") == "h";
        JsonArray names = trace.Items(horizontal ? "y" : "x"), values = trace.Items(horizontal ? "x" : "y");
        IEnumerable<string> bars = values.Take(MostBars).Select((value, i) => $"{(i < names.Count ? string.Join(' ', FigureReading.Lines(names[i].AsText())) : NumberText.Short(i))} {Short(value)}");
        return string.Join(", ", bars) + (values.Count > MostBars ? $" and {values.Count - MostBars} more" : "");
    }

    private static string Heatmap(JsonObject trace)
    {
        JsonArray z = trace.Items("z");
        double[] values = [.. z.OfType<JsonArray>().SelectMany(row => row).Select(v => v.AsNumber()).OfType<double>()];
        string size = $"{z.Count} × {(z.FirstOrDefault() as JsonArray)?.Count ?? 0} values";
        return values.Length == 0 ? size : $"{size} from {Short(values.Min())} to {Short(values.Max())}";
    }

    private static string Short(JsonNode? value) => value.AsNumber() is double number ? Short(number) : value.AsText() ?? "nothing";

    private static string Short(double value) => NumberText.Short(value);
}
