using System.Globalization;
using System.Text;
using Cellar.Notebooks;
using UnetResnet.Lab.Running;

namespace UnetResnet.Lab.Report;

/// <summary>The page that leads to all others: a card for each notebook.</summary>
internal static class IndexPage
{
    public static string ToHtml(IReadOnlyList<ReportEntry> entries, DateTimeOffset date)
    {
        var cards = new StringBuilder();
        bool charts = false;
        foreach (ReportEntry entry in entries)
        {
            var outputs = new OutputHtml(new Prose(entry.Folder), entry.Notebook.Name);
            string? lede = entry.Notebook.Cells.Where(c => c.Kind == CellKind.Markdown).Select(c => Prose.FirstParagraph(c.Source)).FirstOrDefault(p => p is not null);
            string status = entry.Result.Succeeded
                ? "<span class=\"status ok\">ok</span>"
                : $"<span class=\"status failed\">failed{(entry.Result.Failure!.Cell is { } cell ? $" in cell {cell}" : "")}</span>";
            cards.AppendLine(CultureInfo.InvariantCulture, $"""
                <article class="card">
                <h2><a href="{Html.Escape(Uri.EscapeDataString(entry.Page))}">{Html.Escape(entry.Notebook.Title)}</a></h2>
                <p class="figures">{status} {Html.Escape(entry.Figures)}</p>
                <p>{Html.Escape(Shorten(lede ?? ""))}</p>
                {outputs.Thumbnail(entry.Notebook)}
                </article>
                """);
            charts |= outputs.HasCharts;
        }

        Machine machine = Machine.Current;
        string body = $"""
            <header class="bar"><span class="brand">UnetResnet</span><span class="here"></span>
            <button type="button" data-action="theme" aria-label="Light or dark">◐</button></header>
            <main>
            <h1>The notebooks, executed</h1>
            <p class="figures">{date.ToString("d MMMM yyyy, HH:mm", CultureInfo.InvariantCulture)} · {Html.Escape(machine.Cpu)}, {machine.Cores} cores, {machine.MemoryBytes / (double)(1 << 30):0} GiB · {Html.Escape(machine.System)} · .NET {Html.Escape(machine.DotNet)}</p>
            <div class="cards">
            {cards}
            </div>
            </main>
            """;
        return Html.Page("UnetResnet: the notebooks, executed", "index", charts, body);
    }

    private static string Shorten(string text)
    {
        if (text.Length <= 280) return text;
        int end = text.LastIndexOf(' ', 280);
        return text[..(end < 200 ? 280 : end)] + " …";
    }
}
