using System.Text.Json.Nodes;
using SkiaSharp;

namespace UnetResnet.Notebooks.Drawing;

/// <summary>One trace of a figure, with the attributes that a picture needs.</summary>
internal sealed class PictureTrace
{
    /// <summary>Reads a trace.</summary>
    /// <param name="json">The trace.</param>
    /// <param name="color">Its colour in the colour way, if it names none.</param>
    internal PictureTrace(JsonObject json, SKColor color)
    {
        Json = json;
        Color = json.At("line.color").AsColor() ?? json.At("marker.color").AsColor() ?? color;
        X = Coordinates("x", "y");
        Y = Coordinates("y", "x");
    }

    internal JsonObject Json { get; }

    internal SKColor Color { get; }

    internal IReadOnlyList<JsonNode?> X { get; }

    internal IReadOnlyList<JsonNode?> Y { get; }

    internal string Type => Json.Text("type") ?? "scatter";

    internal string? Name => Json.Text("name");

    internal bool IsVisible => Json.At("visible") is null || Json.Flag("visible") == true;

    internal bool IsBar => Type == "bar";

    internal bool IsHorizontal => Json.Text("orientation") == "h";

    internal bool IsHeatmap => Type == "heatmap";

    internal bool IsSupported => Type is "scatter" or "scattergl" or "bar" or "heatmap";

    /// <summary>What is drawn of a scatter trace: <c>lines</c>, <c>markers</c> and <c>text</c> joined by plus signs.</summary>
    internal string Mode => Json.Text("mode") ?? (X.Count < 20 ? "lines+markers" : "lines");

    /// <summary>Colour of one marker or bar.</summary>
    internal SKColor ColorAt(int point)
    {
        JsonArray colors = Json.Items("marker.color");
        return (point < colors.Count ? colors[point].AsColor() : null) ?? Json.At("marker.color").AsColor() ?? Color;
    }

    /// <summary>Label of one point, or nothing.</summary>
    internal string? LabelAt(int point, double value)
    {
        string? text = Json.At("text") is JsonArray texts ? point < texts.Count ? texts[point].AsText() : null : Json.Text("text");
        return Json.Text("texttemplate") is string template ? FigureReading.Fill(template, value, text) : text;
    }

    // A missing coordinate counts the points (or, in a heat map, the rows or columns) from zero, as in plotly.
    private IReadOnlyList<JsonNode?> Coordinates(string name, string other)
    {
        if (Json.At(name) is JsonArray given) return [.. given];
        JsonArray z = Json.Items("z");
        int count = !IsHeatmap ? Json.Items(other).Count : name == "y" ? z.Count : (z.FirstOrDefault() as JsonArray)?.Count ?? 0;
        return [.. Enumerable.Range(0, count).Select(i => (JsonNode?)i)];
    }
}
