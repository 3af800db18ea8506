using System.Text.Json.Nodes;
using Cellar.Notebooks;
using UnetResnet.Lab.Results;

namespace UnetResnet.Lab.Report;

/// <summary>One executed notebook of the report.</summary>
/// <param name="Notebook">The executed copy.</param>
/// <param name="Result">How it ran.</param>
/// <param name="Folder">The original's folder, which relative paths start from.</param>
internal sealed record ReportEntry(NotebookDocument Notebook, NotebookResult Result, string Folder)
{
    /// <summary>File name of its page.</summary>
    public string Page => Notebook.Name + ".html";

    /// <summary>Whether it is a notebook, which was run, and no text beside the notebooks, such as a glossary.</summary>
    public bool IsNotebook { get; private init; } = true;

    /// <summary>A Markdown file as a page of the report.</summary>
    /// <param name="path">The file.</param>
    public static ReportEntry OfText(string path)
    {
        var cell = new JsonObject { ["cell_type"] = "markdown", ["metadata"] = new JsonObject(), ["source"] = NotebookCell.Lines(File.ReadAllText(path)) };
        var json = new JsonObject { ["cells"] = new JsonArray(cell), ["metadata"] = new JsonObject(), ["nbformat"] = 4, ["nbformat_minor"] = 5 };
        NotebookDocument text = NotebookDocument.Parse(json.ToJsonString(), path);
        return new ReportEntry(text, new NotebookResult { Notebook = text.Name, Cells = 0, Executed = 0 }, Path.GetDirectoryName(Path.GetFullPath(path))!) { IsNotebook = false };
    }

    /// <summary>The stamp of the run, such as "52 s · 1.4 GiB · 2 cores of …", as text.</summary>
    public string Figures
    {
        get
        {
            string memory = Result.PeakMemoryBytes > 0 ? $" · {Result.PeakMemoryBytes / (double)(1 << 30):0.0} GiB" : "";
            return $"{Result.Seconds:0} s{memory} · {Result.Executed} cells";
        }
    }

    /// <summary>The machine that it ran on, such as "AMD EPYC 9554, 2 cores".</summary>
    public string Place => Notebook.Metadata[RunStamp.Key] is JsonObject stamp ? $"{stamp["cpu"]}, {stamp["cores"]} cores" : $"{Machine.Current.Cpu}, {Machine.Current.Cores} cores";

    /// <summary>Where and with what it ran, as name and value, as text.</summary>
    public IEnumerable<(string Name, string Value)> Stamp()
    {
        if (Notebook.Metadata[RunStamp.Key] is not JsonObject stamp) yield break;
        foreach ((string name, JsonNode? value) in stamp)
        {
            if (value is JsonObject packages)
            {
                foreach ((string package, JsonNode? version) in packages) yield return (package, version?.ToString() ?? "");
            }
            else
            {
                yield return (name.Replace('_', ' '), value?.ToString() ?? "");
            }
        }
    }
}
