using System.Globalization;
using System.Text;
using Cellar.Notebooks;

namespace UnetResnet.Lab.Report;

/// <summary>The page that leads to all others: a card for each notebook.</summary>
internal static class IndexPage
{
    public static string ToHtml(IReadOnlyList<ReportEntry> entries, DateTimeOffset date)
    {
        var cards = new StringBuilder();
        bool charts = false;
        foreach (ReportEntry entry in entries.Where(entry => entry.IsNotebook))
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

        ReportEntry[] notebooks = [.. entries.Where(entry => entry.IsNotebook)];
        double minutes = notebooks.Sum(entry => entry.Result.Seconds) / 60;
        string place = notebooks.Length > 0 ? notebooks[0].Place : "";
        string texts = string.Concat(entries.Where(entry => !entry.IsNotebook)
            .Select(entry => $"<li><a href=\"{Html.Escape(Uri.EscapeDataString(entry.Page))}\">{Html.Escape(entry.Notebook.Title)}</a></li>"));
        string body = $"""
            <header class="bar"><span class="brand">UnetResnet</span><span class="here"></span>
            {SiteParts.Search}
            <button type="button" data-action="theme" aria-label="Light or dark">◐</button></header>
            <main id="main" tabindex="-1">
            <h1>A network that trains well and validates badly</h1>
            <p class="lede">In 2018 a frozen, pre-trained ResNet50 under a U-Net in Keras reached a low training loss and a strangely high validation loss. These notebooks reproduce it
            on real images, find the layers that make it, and repair it in several ways. They were run from top to bottom; every figure in them was measured in that run, and the checks
            in them hold the text to it. Read them in order: each begins with a question and ends with exercises, whose solutions are folded.</p>
            <p class="figures">{date.ToString("d MMMM yyyy, HH:mm", CultureInfo.InvariantCulture)} · all of it runs in {minutes.ToString("0.0", CultureInfo.InvariantCulture)} minutes · {Html.Escape(place)}</p>
            <div class="cards">
            {cards}
            </div>
            {(texts.Length > 0 ? $"<h2>Beside the notebooks</h2><ul>{texts}</ul>" : "")}
            </main>
            """;
        return Html.Page("UnetResnet: the notebooks, executed", "index", charts, body, search: true);
    }

    private static string Shorten(string text)
    {
        if (text.Length <= 280) return text;
        int end = text.LastIndexOf(' ', 280);
        return text[..(end < 200 ? 280 : end)] + " …";
    }
}
