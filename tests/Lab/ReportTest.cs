using System.Text.Json.Nodes;
using Cellar.Notebooks;
using UnetResnet.Lab.Report;
using UnetResnet.Lab.Results;

namespace UnetResnet.Tests.Lab;

/// <summary>A report of one page in a folder of its own.</summary>
public abstract class ReportTest : IDisposable
{
    private protected const string Evil = "</script><script>alert('x')</script>&";
    private protected readonly TemporaryFolder folder = new();

    public void Dispose()
    {
        GC.SuppressFinalize(this);
        folder.Dispose();
    }

    private protected string Write(params JsonObject[] cells) => Write(null, cells);

    private protected string Write(CellFailure? failure, JsonObject[] cells)
    {
        NotebookDocument notebook = NotebookDocument.Parse(Notebook.Text(cells), "01-page.ipynb");
        var result = new NotebookResult { Notebook = notebook.Name, Cells = cells.Length, Executed = cells.Length, Failure = failure };
        RunStamp.Write(notebook, result, DateTimeOffset.UnixEpoch);
        ReportWriter.Write(Path.Combine(folder.Path, "report"), [new ReportEntry(notebook, result, folder.Path)]);
        return File.ReadAllText(Path.Combine(folder.Path, "report", "01-page.html"));
    }

    private protected static JsonObject WithOutput(string source, JsonObject output)
    {
        JsonObject cell = Notebook.Code(source);
        cell["outputs"]!.AsArray().Add(output);
        return cell;
    }

    private protected static JsonObject Display(string mimeType, JsonNode content) =>
        new() { ["data"] = new JsonObject { [mimeType] = content }, ["metadata"] = new JsonObject(), ["output_type"] = "display_data" };

    private protected static JsonObject Chart(string title) => Display("application/vnd.plotly.v1+json", new JsonObject
    {
        ["data"] = new JsonArray(new JsonObject { ["type"] = "scatter", ["name"] = title, ["x"] = new JsonArray(1, 2, 3), ["y"] = new JsonArray(3, 1, 2) }),
        ["layout"] = new JsonObject { ["title"] = new JsonObject { ["text"] = title } },
    });
}
