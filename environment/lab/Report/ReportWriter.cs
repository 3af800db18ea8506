using UnetResnet.Runtime;

namespace UnetResnet.Lab.Report;

/// <summary>Writes the report: an index, a page for each notebook, and the files they share. Nothing in it needs a network.</summary>
internal static class ReportWriter
{
    /// <summary>Writes the report into a folder.</summary>
    /// <returns>The path of its first page.</returns>
    public static string Write(string folder, IReadOnlyList<ReportEntry> entries)
    {
        Directory.CreateDirectory(folder);
        ReportAssets.Write(folder);
        for (int i = 0; i < entries.Count; i++)
        {
            foreach ((string name, string html) in NotebookPage.Render(entries[i], i > 0 ? entries[i - 1] : null, i + 1 < entries.Count ? entries[i + 1] : null))
                AtomicFile.WriteText(Path.Combine(folder, name), html);
        }

        string index = Path.Combine(folder, "index.html");
        AtomicFile.WriteText(index, IndexPage.ToHtml(entries, DateTimeOffset.Now));
        return index;
    }
}
