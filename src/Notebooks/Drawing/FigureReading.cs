using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using SkiaSharp;

namespace UnetResnet.Notebooks.Drawing;

/// <summary>Forgiving access to the JSON of a figure: what is absent or of another kind is simply not there.</summary>
internal static partial class FigureReading
{
    /// <summary>The node at a dotted path such as <c>line.color</c>.</summary>
    internal static JsonNode? At(this JsonNode? node, string path)
    {
        foreach (string name in path.Split('.')) node = (node as JsonObject)?[name];
        return node;
    }

    internal static string? Text(this JsonNode? node, string path) => node.At(path).AsText();

    internal static string? AsText(this JsonNode? node) => node switch
    {
        JsonValue value when value.TryGetValue(out string? text) => text,
        JsonValue value => value.ToString(),
        _ => null,
    };

    internal static double? Number(this JsonNode? node, string path) => node.At(path).AsNumber();

    internal static double? AsNumber(this JsonNode? node) =>
        node is JsonValue value && value.TryGetValue(out double number) ? number : null;

    internal static bool? Flag(this JsonNode? node, string path) =>
        node.At(path) is JsonValue value && value.TryGetValue(out bool flag) ? flag : null;

    internal static JsonArray Items(this JsonNode? node, string path) => node.At(path) as JsonArray ?? [];

    /// <summary>A colour as <c>#RRGGBB</c>, <c>rgb(…)</c> or <c>rgba(…)</c>.</summary>
    internal static SKColor? AsColor(this JsonNode? node)
    {
        if (node is not JsonValue value || !value.TryGetValue(out string? text)) return null;
        if (SKColor.TryParse(text, out SKColor color)) return color;
        Match match = CssColor().Match(text);
        if (!match.Success) return null;
        byte Channel(int group) => (byte)Math.Clamp(double.Parse(match.Groups[group].ValueSpan, CultureInfo.InvariantCulture), 0, 255);
        double alpha = match.Groups[4].Success ? double.Parse(match.Groups[4].ValueSpan, CultureInfo.InvariantCulture) : 1;
        return new SKColor(Channel(1), Channel(2), Channel(3), (byte)Math.Round(255 * Math.Clamp(alpha, 0, 1)));
    }

    /// <summary>Lines of a label in plotly's small HTML: <c>&lt;br&gt;</c> breaks, other tags are left out.</summary>
    internal static string[] Lines(string? html) => html is null
        ? []
        : [.. LineBreak().Split(html).Select(line => WebUtility.HtmlDecode(Tag().Replace(line, "")).Trim())];

    /// <summary>A number in plotly's (d3) notation: <c>.2f</c>, <c>.0%</c>, <c>.1e</c>; three significant digits without one.</summary>
    internal static string Format(double value, string? format)
    {
        Match match = D3Format().Match(format ?? "");
        string text = match.Success
            ? (match.Groups[2].Value switch
            {
                "%" => (100 * value).ToString("F" + match.Groups[1].Value, CultureInfo.InvariantCulture) + "%",
                "e" => value.ToString("0." + new string('0', int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)) + "e-0", CultureInfo.InvariantCulture),
                _ => value.ToString("F" + match.Groups[1].Value, CultureInfo.InvariantCulture),
            })
            : value.ToString("G3", CultureInfo.InvariantCulture);
        return text.Replace('-', '−');
    }

    /// <summary>A label such as <c>%{y:.2f}</c> filled in.</summary>
    internal static string Fill(string template, double value, string? text) => Placeholder().Replace(template, match =>
        match.Groups[1].Value == "text" ? text ?? "" : Format(value, match.Groups[2].Success ? match.Groups[2].Value : null));

    [GeneratedRegex(@"^rgba?\(\s*([\d.]+)\s*,\s*([\d.]+)\s*,\s*([\d.]+)\s*(?:,\s*([\d.]+)\s*)?\)$")]
    private static partial Regex CssColor();

    [GeneratedRegex(@"<br\s*/?>")]
    private static partial Regex LineBreak();

    [GeneratedRegex(@"</?\w+[^>]*>")]
    private static partial Regex Tag();

    [GeneratedRegex(@"^[+,]?\.(\d)([f%e])$")]
    private static partial Regex D3Format();

    [GeneratedRegex(@"%\{(\w+)(?::([^}]+))?\}")]
    private static partial Regex Placeholder();
}
