using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Cellar.Notebooks;

namespace UnetResnet.Lab.Report;

/// <summary>What the pages say, section by section, for the search that runs in the reader's browser without a network.</summary>
internal sealed partial class SearchIndex
{
    private readonly JsonArray sections = [];

    /// <summary>Adds the sections of a page.</summary>
    public void Add(ReportEntry entry)
    {
        var prose = new Prose(entry.Folder);
        (string id, string heading, var text) = ("", entry.Notebook.Title, new List<string>());
        void Close()
        {
            if (text.Count > 0) sections.Add(new JsonObject { ["page"] = entry.Page, ["title"] = entry.Notebook.Title, ["id"] = id, ["heading"] = heading, ["text"] = string.Join(' ', text) });
            text.Clear();
        }

        foreach (NotebookCell cell in entry.Notebook.Cells)
        {
            if (cell.IsCode) text.Add(cell.Source);
            if (cell.Kind != CellKind.Markdown) continue;
            int before = prose.Headings.Count;
            prose.ToHtml(cell.Source, cell.Attachments);
            Heading[] headings = [.. prose.Headings.Skip(before)];
            string[] parts = HeadingLine().Split(cell.Source);
            for (int i = 0; i < parts.Length; i++)
            {
                // What stands before the first heading belongs to the section above. A "#" inside code makes more parts than there are headings: those stay with the last.
                if (i > 0 && i <= headings.Length)
                {
                    Close();
                    (id, heading) = (headings[i - 1].Id, headings[i - 1].Text);
                }

                if (parts[i].Length > 0) text.Add(Prose.PlainText(parts[i]));
            }
        }

        Close();
    }

    [GeneratedRegex("^(?=#{1,6} )", RegexOptions.Multiline)]
    private static partial Regex HeadingLine();

    /// <summary>The index as a script of one assignment.</summary>
    // The default encoder escapes what could end the script or a line of it.
    public string ToScript() => $"window.searchIndex = {sections.ToJsonString(new JsonSerializerOptions())};\n";
}
