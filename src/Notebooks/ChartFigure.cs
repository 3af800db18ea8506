using System.Globalization;
using System.Text.Json.Nodes;
using Plotly.NET;

namespace UnetResnet.Notebooks;

/// <summary>The plotly figure of a chart, as notebooks store it: data, layout and config as plain JSON, in the look of the kit.</summary>
internal static class ChartFigure
{
    /// <summary>Media type of a plotly figure; VS Code and JupyterLab draw it offline with their own plotly.js.</summary>
    internal const string MimeType = "application/vnd.plotly.v1+json";

    // Plotly.NET gives every chart this size unless told otherwise; without it a chart fits the page.
    private const double PlotlyNetDefaultSize = 600;

    /// <summary>The figure of a chart.</summary>
    /// <remarks>
    /// The template that Plotly.NET adds (8 KB in every chart) is replaced by the kit's, its default size of 600 × 600 pixels is
    /// dropped, values that JSON cannot express (NaN, infinities) become gaps, and numbers are written as JavaScript writes them: VS
    /// Code does so when it saves, and a notebook that nobody changed should have no difference.
    /// </remarks>
    internal static JsonObject Of(GenericChart chart)
    {
        ArgumentNullException.ThrowIfNull(chart);
        JsonObject figure = JsonNode.Parse(GenericChart.toJson(chart))!.AsObject();
        if (figure["layout"] is not JsonObject layout) figure["layout"] = layout = [];
        if ((double?)layout["width"] == PlotlyNetDefaultSize && (double?)layout["height"] == PlotlyNetDefaultSize)
        {
            layout.Remove("width");
            layout.Remove("height");
        }
        layout["template"] = Template();
        // No row of buttons: on a phone it would lie on the title. Dragging zooms, a double click shows everything again.
        figure["config"] = new JsonObject { ["responsive"] = true, ["displayModeBar"] = false };
        Tidy(figure);
        return figure;
    }

    /// <summary>The look of the kit. Paper and plot are transparent and every line and letter is mid-grey, for light and dark pages alike.</summary>
    private static JsonObject Template()
    {
        static JsonObject Axis() => new()
        {
            ["gridcolor"] = "rgba(128,128,128,0.22)",
            ["linecolor"] = "rgba(128,128,128,0.6)",
            ["zeroline"] = false,
            ["automargin"] = true,
            ["title"] = new JsonObject { ["standoff"] = 8, ["font"] = new JsonObject { ["size"] = 13 } },
        };
        return new JsonObject
        {
            ["layout"] = new JsonObject
            {
                ["paper_bgcolor"] = "rgba(0,0,0,0)",
                ["plot_bgcolor"] = "rgba(0,0,0,0)",
                ["colorway"] = new JsonArray([.. ChartPalette.Series.Select(color => (JsonNode)color)]),
                ["font"] = new JsonObject { ["family"] = "system-ui, sans-serif", ["size"] = 13, ["color"] = ChartPalette.Neutral },
                ["title"] = new JsonObject
                {
                    ["x"] = 0.02,
                    ["xanchor"] = "left",
                    ["y"] = 0.96,
                    ["yanchor"] = "top",
                    ["font"] = new JsonObject { ["size"] = 15 },
                },
                ["margin"] = new JsonObject { ["l"] = 56, ["r"] = 16, ["t"] = 56, ["b"] = 48 },
                ["legend"] = new JsonObject { ["orientation"] = "h", ["x"] = 0, ["y"] = -0.2, ["yanchor"] = "top" },
                ["xaxis"] = Axis(),
                ["yaxis"] = Axis(),
            },
        };
    }

    private static void Tidy(JsonNode node)
    {
        switch (node)
        {
            case JsonObject children:
                foreach ((string name, JsonNode? child) in children.ToArray())
                {
                    if (child is JsonObject or JsonArray) Tidy(child);
                    else if (Number(child) is { } number) children[name] = number;
                }

                break;
            case JsonArray items:
                for (int i = 0; i < items.Count; i++)
                {
                    if (items[i] is JsonObject or JsonArray) Tidy(items[i]!);
                    else if (items[i] is JsonValue item && item.TryGetValue(out string? text) && text is "NaN" or "Infinity" or "-Infinity")
                        items[i] = null;
                    else if (Number(items[i]) is { } number) items[i] = number;
                }

                break;
        }
    }

    /// <summary>A number as JavaScript writes it, or null if it is written so already: 3 for 3.0, 0.00002 for 2E-05, 2e-7 for 2E-07.</summary>
    private static JsonNode? Number(JsonNode? node)
    {
        const double exact = 1L << 53;
        if (node is not JsonValue value || !value.TryGetValue(out double number)) return null;
        if (double.IsInteger(number) && Math.Abs(number) <= exact) return Parsed($"{(long)number}");
        string[] parts = value.ToJsonString().Split('E', 'e');
        if (parts.Length == 1) return null;
        int exponent = int.Parse(parts[1], CultureInfo.InvariantCulture);
        if (exponent is >= 0 or < -6) return Parsed($"{parts[0]}e{(exponent < 0 ? "" : "+")}{exponent}");
        string digits = parts[0].TrimStart('-').Replace(".", "", StringComparison.Ordinal);
        return Parsed($"{(number < 0 ? "-" : "")}0.{new string('0', -exponent - 1)}{digits}");
    }

    // Parsed, not converted: a node made of a long does not answer who asks it for a double.
    private static JsonNode Parsed(FormattableString number) => JsonNode.Parse(FormattableString.Invariant(number))!;
}
