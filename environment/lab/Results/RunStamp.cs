using System.Globalization;
using System.Text.Json.Nodes;
using Cellar.Notebooks;

namespace UnetResnet.Lab.Results;

/// <summary>What a notebook's metadata say about its last run: when, how long, where, with what.</summary>
internal static class RunStamp
{
    /// <summary>Key in the notebook's metadata.</summary>
    public const string Key = "unetresnet";

    public static void Write(NotebookDocument notebook, NotebookResult result, DateTimeOffset date)
    {
        Machine machine = Machine.Current;
        notebook.Metadata[Key] = new JsonObject
        {
            ["result"] = result.Succeeded ? "ok" : "failed",
            ["code"] = SourceHash.OfCode(notebook),
            ["prose"] = SourceHash.OfProse(notebook),
            ["api"] = SourceHash.OfApi,
            ["cells"] = result.Cells,
            ["date"] = date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            ["seconds"] = Math.Round(result.Seconds, 1),
            ["peak_memory_mib"] = result.PeakMemoryBytes >> 20,
            ["cpu"] = machine.Cpu,
            ["cores"] = machine.Cores,
            ["memory_gib"] = Math.Round(machine.MemoryBytes / (double)(1 << 30), 1),
            ["system"] = machine.System,
            ["dotnet"] = machine.DotNet,
            ["packages"] = new JsonObject(Machine.PackageVersions.Select(p => KeyValuePair.Create(p.Key, (JsonNode?)p.Value))),
        };
    }

    /// <summary>How the run ended that a committed notebook is the result of, as far as its stamp tells.</summary>
    public static NotebookResult Read(NotebookDocument notebook)
    {
        JsonObject? stamp = notebook.Metadata[Key] as JsonObject;
        int executed = notebook.Cells.Count(c => c.ExecutionCount is not null);
        double Number(string name) => stamp?[name] is JsonValue value && value.TryGetValue(out double number) ? number : 0;
        return new NotebookResult
        {
            Notebook = notebook.Name,
            Cells = Math.Max(executed, (int)Number("cells")),
            Executed = executed,
            Seconds = Number("seconds"),
            PeakMemoryBytes = (long)Number("peak_memory_mib") << 20,
            Failure = NotebookDocument.Text(stamp?["result"]) == "failed" ? new CellFailure(null, null, null, "FailedRun", "The run that wrote this notebook failed.", []) : null,
        };
    }
}
