using System.Text.Json;
using System.Text.Json.Nodes;
using Cellar.Notebooks;

namespace UnetResnet.Lab.Report;

/// <summary>What the pages say, section by section, for the search that runs in the reader's browser without a network.</summary>
internal sealed class SearchIndex
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
            // A cell begins a section where it has headings; its text belongs to the first of them.
            int before = prose.Headings.Count;
            prose.ToHtml(cell.Source, cell.Attachments);
            if (prose.Headings.Count > before)
            {
                Close();
                (id, heading) = (prose.Headings[before].Id, prose.Headings[before].Text);
            }

            text.Add(Prose.PlainText(cell.Source));
        }

        Close();
    }

    /// <summary>The index as a script of one assignment.</summary>
    // The default encoder escapes what could end the script or a line of it.
    public string ToScript() => $"window.searchIndex = {sections.ToJsonString(new JsonSerializerOptions())};\n";
}
