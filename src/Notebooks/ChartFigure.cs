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
    /// dropped, and values that JSON cannot express (NaN, infinities) become gaps.
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
        foreach (JsonNode? trace in figure["data"]!.AsArray()) ReplaceNonFinite(trace!.AsObject());
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

    private static void ReplaceNonFinite(JsonNode node)
    {
        switch (node)
        {
            case JsonObject children:
                foreach (KeyValuePair<string, JsonNode?> child in children)
                    if (child.Value is JsonObject or JsonArray) ReplaceNonFinite(child.Value);
                break;
            case JsonArray items:
                for (int i = 0; i < items.Count; i++)
                {
                    if (items[i] is JsonObject or JsonArray) ReplaceNonFinite(items[i]!);
                    else if (items[i] is JsonValue item && item.TryGetValue(out string? text) && text is "NaN" or "Infinity" or "-Infinity")
                        items[i] = null;
                }
                break;
        }
    }
}
