using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Cellar.Notebooks;

namespace UnetResnet.Lab.Report;

/// <summary>
/// Turns the outputs of a cell into HTML: the richest representation of each, as a front end would choose. HTML that only shows stands in the page; HTML that acts gets a file
/// and a sandboxed frame of its own.
/// </summary>
/// <param name="prose">Renders Markdown.</param>
/// <param name="page">Name of the page without its ending, which the names of its frames begin with.</param>
internal sealed partial class OutputHtml(Prose prose, string page)
{
    private const string Plotly = "application/vnd.plotly.v1+json";

    /// <summary>Whether a chart has been rendered, so that the page needs plotly.js.</summary>
    public bool HasCharts { get; private set; }

    /// <summary>The frames so far: name of a file beside the page, and its HTML.</summary>
    public Dictionary<string, string> Frames { get; } = [];

    /// <summary>One output as HTML.</summary>
    public string ToHtml(JsonObject output) => NotebookDocument.Text(output["output_type"]) switch
    {
        "stream" => $"<pre class=\"stream {(NotebookDocument.Text(output["name"]) == "stderr" ? "stderr" : "stdout")}\">{Escape(NotebookCell.Joined(output["text"]))}</pre>",
        "error" => Error(output),
        "display_data" or "execute_result" when output["data"] is JsonObject data => Data(data),
        _ => "",
    };

    /// <summary>The first chart of a notebook, small, for its card; null without any.</summary>
    public string? Thumbnail(NotebookDocument notebook)
    {
        foreach (JsonNode? output in notebook.Cells.Where(c => c.IsCode).SelectMany(c => c.Outputs))
        {
            if (output?["data"]?[Plotly] is JsonObject figure) return Chart(figure, "", "chart thumbnail");
        }

        return null;
    }

    private string Data(JsonObject data)
    {
        if (data[Plotly] is JsonObject figure) return Chart(figure, NotebookCell.Joined(data["text/plain"]), "chart");
        if (data["text/html"] is { } html) return Markup(NotebookCell.Joined(html));
        if (data["text/markdown"] is { } markdown) return $"<div class=\"prose\">{prose.ToHtml(NotebookCell.Joined(markdown))}</div>";

        string alt = Html.Escape(NotebookCell.Joined(data["text/plain"]));
        foreach (string mimeType in (string[])["image/png", "image/jpeg", "image/gif"])
        {
            if (data[mimeType] is { } picture)
                return $"<img class=\"picture\" alt=\"{alt}\" src=\"data:{mimeType};base64,{Html.Escape(NotebookCell.Joined(picture).ReplaceLineEndings(""))}\">";
        }

        if (data["image/svg+xml"] is { } svg)
            return $"<img class=\"picture\" alt=\"{alt}\" src=\"data:image/svg+xml;base64,{Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(NotebookCell.Joined(svg)))}\">";
        if (data["text/plain"] is { } text) return $"<pre class=\"result\">{Escape(NotebookCell.Joined(text))}</pre>";
        return data.FirstOrDefault(d => d.Key.EndsWith("json", StringComparison.Ordinal)).Value is { } json ? $"<pre class=\"result\">{Html.Escape(json.ToString())}</pre>" : "";
    }

    private string Markup(string html)
    {
        if (SafeHtml.IsInert(html)) return $"<div class=\"html\">{html}</div>";
        string file = $"{page}.output-{Frames.Count + 1}.html";
        Frames[file] = Html.Frame(html);
        return $"<iframe class=\"html\" sandbox=\"allow-scripts\" title=\"Output that runs scripts\" src=\"{Html.Escape(Uri.EscapeDataString(file))}\"></iframe>";
    }

    /// <summary>
    /// The figure stays JSON in the page until it comes into sight. Its title is taken out and set as text, which can break into lines on a
    /// narrow screen; the rest of the look follows the page (see report.js).
    /// </summary>
    private string Chart(JsonObject figure, string summary, string style)
    {
        HasCharts = true;
        figure = figure.DeepClone().AsObject();
        string title = "";
        double height = 420;
        if (figure["layout"] is JsonObject layout)
        {
            title = NotebookDocument.Text(layout["title"]) ?? NotebookDocument.Text(layout["title"]?["text"]) ?? "";
            layout.Remove("title");
            if (layout["height"] is JsonValue value && value.TryGetValue(out double wanted) && wanted is > 100 and < 4000) height = wanted;
        }

        string caption = title.Length == 0 ? "" : $"<figcaption>{Html.Escape(Tag().Replace(title, " "))}</figcaption>";
        string label = Html.Escape(summary.Length > 0 ? summary : title);

        // The serializer escapes '<' in strings, so that the data cannot end the element they stand in.
        return $"<figure class=\"{style}\">{caption}<div class=\"plot\" role=\"img\" aria-label=\"{label}\" style=\"height:{height:0}px\"></div>"
            + $"<script type=\"application/json\">{figure.ToJsonString()}</script></figure>";
    }

    private static string Error(JsonObject output)
    {
        string head = $"{NotebookDocument.Text(output["ename"])}: {NotebookDocument.Text(output["evalue"])}";
        IEnumerable<string> traceback = (output["traceback"] as JsonArray ?? []).Select(l => NotebookDocument.Text(l) ?? "");
        string rest = string.Join('\n', traceback.Where(line => line != head));
        return $"<div class=\"error\"><strong>{Html.Escape(head)}</strong><pre>{Escape(rest)}</pre></div>";
    }

    private static string Escape(string text) => Html.Escape(Ansi().Replace(text, ""));

    [GeneratedRegex(@"\x1b\[[0-9;?]*[A-Za-z]")]
    private static partial Regex Ansi();

    [GeneratedRegex("<[^>]*>")]
    private static partial Regex Tag();
}
