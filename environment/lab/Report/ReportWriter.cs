using UnetResnet.Runtime;

namespace UnetResnet.Lab.Report;

/// <summary>Writes the report: an index, a page for each notebook and each text beside the notebooks, and the files they share. Nothing in it needs a network.</summary>
internal static class ReportWriter
{
    /// <summary>Writes the report into a folder.</summary>
    /// <returns>The path of its first page.</returns>
    public static string Write(string folder, IReadOnlyList<ReportEntry> notebooks)
    {
        Directory.CreateDirectory(folder);
        ReportAssets.Write(folder);
        IReadOnlyList<ReportEntry> entries = [.. notebooks, .. Texts(notebooks)];
        var search = new SearchIndex();
        for (int i = 0; i < entries.Count; i++)
        {
            (ReportEntry? previous, ReportEntry? next) = i < notebooks.Count ? (notebooks.ElementAtOrDefault(i - 1), notebooks.ElementAtOrDefault(i + 1)) : (null, null);
            foreach ((string name, string html) in NotebookPage.Render(entries[i], previous, next, entries)) AtomicFile.WriteText(Path.Combine(folder, name), html);
            search.Add(entries[i]);
        }

        AtomicFile.WriteText(Path.Combine(folder, ReportAssets.SearchIndex), search.ToScript());
        string index = Path.Combine(folder, "index.html");
        AtomicFile.WriteText(index, IndexPage.ToHtml(entries, DateTimeOffset.Now));
        return index;
    }

    // Notebooks link to a glossary and the like in their own folder.
    private static IEnumerable<ReportEntry> Texts(IReadOnlyList<ReportEntry> notebooks) => notebooks.Select(entry => entry.Folder).Distinct()
        .Where(Directory.Exists).SelectMany(folder => Directory.GetFiles(folder, "*.md").Order(StringComparer.Ordinal)).DistinctBy(Path.GetFileName).Select(ReportEntry.OfText);
}
