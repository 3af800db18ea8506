using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Cellar.Notebooks;
using UnetResnet.Lab.Results;

namespace UnetResnet.Lab.Report;

/// <summary>The page of one notebook.</summary>
internal static class NotebookPage
{
    /// <summary>Renders the page, and the frames that it shows.</summary>
    /// <param name="entry">The notebook.</param>
    /// <param name="previous">The notebook before it, or null.</param>
    /// <param name="next">The notebook after it, or null.</param>
    /// <param name="all">All pages of the report, for the side.</param>
    /// <returns>Files by their names.</returns>
    public static IReadOnlyDictionary<string, string> Render(ReportEntry entry, ReportEntry? previous, ReportEntry? next, IReadOnlyList<ReportEntry> all)
    {
        var prose = new Prose(entry.Folder);
        var outputs = new OutputHtml(prose, entry.Notebook.Name);
        var cells = new StringBuilder();
        foreach (NotebookCell cell in entry.Notebook.Cells)
        {
            if (cell.Kind == CellKind.Markdown) cells.AppendLine($"<section class=\"prose\">{prose.ToHtml(cell.Source, cell.Attachments)}</section>");
            else if (cell.IsCode && !cell.IsBlank) cells.AppendLine(Code(cell, outputs));
        }

        string body = $"""
            <header class="bar">
            <a class="brand" href="index.html">All notebooks</a>
            <span class="here">{Html.Escape(entry.Notebook.Title)}</span>
            {SiteParts.Search}
            <button type="button" data-action="code">Hide code</button>
            <button type="button" data-action="theme" aria-label="Light or dark">◐</button>
            </header>
            <div class="frame">
            <nav class="contents" aria-label="Notebooks and contents"><details open><summary>Contents</summary>
            {SiteParts.Pages(all, entry, Contents(prose.Headings))}
            </details></nav>
            <main id="main" tabindex="-1">
            {Failure(entry.Result)}
            {cells}
            {Turn(previous, next)}
            {(entry.IsNotebook ? Footer(entry) : "")}
            </main>
            </div>
            """;
        return new Dictionary<string, string>(outputs.Frames) { [entry.Page] = Html.Page(entry.Notebook.Title, "notebook", outputs.HasCharts, body, search: true) };
    }

    private static string Code(NotebookCell cell, OutputHtml outputs)
    {
        string firstLine = cell.Source.Split('\n').Select(l => l.Trim()).First(l => l.Length > 0);
        string number = cell.ExecutionCount is { } count ? $"[{count}]" : "[ ]";
        // A reader who only wants the story skips set-ups and checks; a solution waits until it is asked for.
        bool sourceHidden = Hides(cell, "source_hidden") || firstLine.StartsWith("#r ", StringComparison.Ordinal) || cell.HasTag("setup") || cell.HasTag("check") || cell.HasTag("solution") || cell.HasTag("hide-input");
        bool outputsHidden = Hides(cell, "outputs_hidden") || cell.HasTag("solution") || cell.HasTag("hide-output");
        string kind = cell.HasTag("solution") ? "Solution" : cell.HasTag("setup") || firstLine.StartsWith("#r ", StringComparison.Ordinal) ? "Set-up" : cell.HasTag("check") ? "Checks" : "";
        var html = new StringBuilder();
        html.Append(CultureInfo.InvariantCulture, $"<section class=\"cell\" id=\"cell-{cell.Number}\"><details class=\"code\"{(sourceHidden ? "" : " open")}><summary><span class=\"count\">{number}</span>");
        html.Append(CultureInfo.InvariantCulture, $"<code class=\"first\">{(kind.Length > 0 ? $"<b>{kind}</b> " : "")}{Html.Escape(firstLine)}</code><span class=\"time\">{Time(cell)}</span></summary>");
        html.Append(CultureInfo.InvariantCulture, $"<pre class=\"source\"><code>{CSharpHighlighter.ToHtml(cell.Source)}</code></pre></details>");
        string shown = outputs.ToHtml(cell.Outputs.OfType<JsonObject>());
        if (shown.Length > 0) html.Append(outputsHidden ? $"<details class=\"folded\"><summary>{(kind == "Solution" ? "What the solution shows" : "Output")}</summary>{shown}</details>" : shown);
        return html.Append("</section>").ToString();
    }

    private static bool Hides(NotebookCell cell, string what) => cell.Metadata["jupyter"]?[what] is JsonValue value && value.TryGetValue(out bool hidden) && hidden;

    private static string Time(NotebookCell cell)
    {
        if (cell.HasTag("skip-execution")) return "skipped";
        JsonNode? execution = cell.Metadata["execution"];
        if (Moment(execution, "iopub.execute_input") is not { } begin || Moment(execution, "shell.execute_reply") is not { } end) return "";
        double seconds = (end - begin).TotalSeconds;
        return seconds < 0.095 ? "" : seconds < 9.95 ? $"{seconds:0.0} s" : $"{seconds:0} s";
    }

    private static DateTimeOffset? Moment(JsonNode? execution, string name) =>
        execution is JsonObject times && DateTimeOffset.TryParse(NotebookDocument.Text(times[name]), CultureInfo.InvariantCulture, out DateTimeOffset time) ? time : null;

    private static string Contents(IReadOnlyList<Heading> headings)
    {
        var list = new StringBuilder("<ul>");
        foreach (Heading heading in headings.Where(h => h.Level is 2 or 3))
            list.Append(CultureInfo.InvariantCulture, $"<li class=\"level-{heading.Level}\"><a href=\"#{Html.Escape(heading.Id)}\">{Html.Escape(heading.Text)}</a></li>");
        return list.Append("</ul>").ToString();
    }

    private static string Failure(NotebookResult result)
    {
        if (result.Failure is not { } failure) return "";
        string place = failure.Cell is { } cell ? $" in <a href=\"#cell-{cell}\">cell {cell}</a>" : "";
        return $"<div class=\"error summary\"><strong>This run failed{place}.</strong><pre>{Html.Escape($"{failure.Name}: {failure.Message}")}</pre></div>";
    }

    private static string Turn(ReportEntry? previous, ReportEntry? next)
    {
        string back = previous is null ? "<span></span>" : $"<a rel=\"prev\" href=\"{Html.Escape(Uri.EscapeDataString(previous.Page))}\"><small>Previous</small>{Html.Escape(previous.Notebook.Title)}</a>";
        string forth = next is null ? "<span></span>" : $"<a rel=\"next\" href=\"{Html.Escape(Uri.EscapeDataString(next.Page))}\"><small>Next</small>{Html.Escape(next.Notebook.Title)}</a>";
        return previous is null && next is null ? "" : $"<nav class=\"turn\" aria-label=\"Previous and next\">{back}{forth}</nav>";
    }

    private static string Footer(ReportEntry entry)
    {
        string rows = string.Concat(entry.Stamp().Select(s => $"<dt>{Html.Escape(s.Name)}</dt><dd>{Html.Escape(s.Value)}</dd>"));
        return $"<footer><details><summary>{Html.Escape(entry.Figures)} · {Html.Escape(entry.Place)}</summary><dl>{rows}</dl></details></footer>";
    }
}
