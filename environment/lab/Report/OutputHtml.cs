using System.Text;
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
        "stream" => Stream(NotebookCell.Joined(output["text"]), NotebookDocument.Text(output["name"]) == "stderr" ? "stderr" : "stdout"),
        "error" => Error(output),
        "display_data" or "execute_result" when output["data"] is JsonObject data => Data(data),
        _ => "",
    };

    /// <summary>All outputs of a cell: checks that stand together become one line, which opens.</summary>
    public string ToHtml(IEnumerable<JsonObject> outputs)
    {
        var html = new StringBuilder();
        var checks = new List<JsonObject>();
        foreach (JsonObject output in outputs)
        {
            if (IsCheck(output))
            {
                checks.Add(output);
                continue;
            }

            AppendChecks(html, checks);
            html.Append("<div class=\"output\">").Append(ToHtml(output)).Append("</div>");
        }

        AppendChecks(html, checks);
        return html.ToString();
    }

    /// <summary>The chart of a notebook for its card, small: that of the cell tagged <c>thumbnail</c>, else the first; null without any.</summary>
    public string? Thumbnail(NotebookDocument notebook)
    {
        foreach (JsonNode? output in notebook.Cells.Where(c => c.IsCode).OrderByDescending(c => c.HasTag("thumbnail")).SelectMany(c => c.Outputs))
        {
            if (output?["data"]?[Plotly] is JsonObject figure) return Chart(figure, "", "chart thumbnail");
        }

        return null;
    }

    private void AppendChecks(StringBuilder html, List<JsonObject> checks)
    {
        if (checks.Count == 0) return;
        int failed = checks.Count(check => !PlainText(check).StartsWith('✓'));
        string summary = failed == 0 ? $"<span class=\"status ok\">{checks.Count} check{(checks.Count == 1 ? "" : "s")}</span>" : $"<span class=\"status failed\">✗ {failed} of {checks.Count} checks failed</span>";
        html.Append($"<details class=\"checks\"{(failed > 0 ? " open" : "")}><summary>{summary}</summary>");
        foreach (JsonObject check in checks) html.Append("<div class=\"output\">").Append(ToHtml(check)).Append("</div>");
        html.Append("</details>");
        checks.Clear();
    }

    private static bool IsCheck(JsonObject output) =>
        output["data"]?["text/html"] is { } html && NotebookCell.Joined(html).Contains("class=\"ur-check\"", StringComparison.Ordinal) && PlainText(output) is ['✓' or '✗', ..];

    private static string PlainText(JsonObject output) => NotebookCell.Joined(output["data"]?["text/plain"]);

    // A log of epochs says most with its last line.
    private static string Stream(string text, string name)
    {
        string[] lines = text.TrimEnd('\n').Split('\n');
        string pre = $"<pre class=\"stream {name}\">{Escape(text)}</pre>";
        int epochs = lines.Count(line => EpochLine().IsMatch(line));
        return epochs < 4 || epochs < lines.Length - 2
            ? pre : $"<details class=\"log\"><summary><code>{Escape(lines[^1])}</code> <span class=\"more\">{lines.Length - 1} lines before it</span></summary>{pre}</details>";
    }

    private string Data(JsonObject data)
    {
        if (data[Plotly] is JsonObject figure) return Chart(figure, NotebookCell.Joined(data["text/plain"]), "chart");
        if (data["text/html"] is { } html) return Markup(NotebookCell.Joined(html));
        if (data["text/markdown"] is { } markdown) return $"<div class=\"prose\">{prose.ToHtml(NotebookCell.Joined(markdown))}</div>";

        string alt = Html.Escape(NotebookCell.Joined(data["text/plain"]));
        if (data["image/svg+xml"] is { } drawing) return Drawing(NotebookCell.Joined(drawing), alt);
        foreach (string mimeType in (string[])["image/png", "image/jpeg", "image/gif"])
        {
            if (data[mimeType] is { } picture)
                return $"<img class=\"picture\" alt=\"{alt}\" src=\"data:{mimeType};base64,{Html.Escape(NotebookCell.Joined(picture).ReplaceLineEndings(""))}\">";
        }

        if (data["text/plain"] is { } text) return $"<pre class=\"result\">{Escape(NotebookCell.Joined(text))}</pre>";
        return data.FirstOrDefault(d => d.Key.EndsWith("json", StringComparison.Ordinal)).Value is { } json ? $"<pre class=\"result\">{Html.Escape(json.ToString())}</pre>" : "";
    }

    /// <summary>A drawing as a picture, which cannot act. One that follows the system's setting is there twice, because the page's own setting may differ: see report.css.</summary>
    private static string Drawing(string svg, string alt)
    {
        const string dark = "(prefers-color-scheme: dark)";
        string Image(string content, string style) => $"<img class=\"picture{style}\" alt=\"{alt}\" src=\"data:image/svg+xml;base64,{Convert.ToBase64String(Encoding.UTF8.GetBytes(content))}\">";
        return svg.Contains(dark, StringComparison.Ordinal) ? Image(svg.Replace(dark, "not all"), " light-only") + Image(svg.Replace(dark, "all"), " dark-only") : Image(svg, "");
    }

    private string Markup(string html)
    {
        if (SafeHtml.IsInert(html)) return $"<div class=\"html\">{SafeHtml.WithoutEmptyHeaders(html)}</div>";
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
            // Room above the plot for what is not the title: names of panels, buttons.
            if (layout["margin"] is JsonObject margin && margin["t"] is JsonValue top && top.TryGetValue(out double above))
                margin["t"] = Math.Max(16, above - 18 - 22 * (1 + BreakTag().Count(title)));
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

    [GeneratedRegex("<br ?/?>")]
    private static partial Regex BreakTag();

    [GeneratedRegex(@"^\s*epoch\s+\d+")]
    private static partial Regex EpochLine();

    [GeneratedRegex("<[^>]*>")]
    private static partial Regex Tag();
}
