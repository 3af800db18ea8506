using Cellar.Notebooks;
using UnetResnet.Lab.Results;

namespace UnetResnet.Lab.Running;

/// <summary>Tells, without running anything, whether committed notebooks are the result of running what they say with the library as it is.</summary>
internal static class StaleCheck
{
    /// <summary>What is wrong with a committed notebook; null where its outputs belong to its text and to this library.</summary>
    public static string? Problem(NotebookDocument notebook)
    {
        if (notebook.Metadata[RunStamp.Key] is not System.Text.Json.Nodes.JsonObject stamp || stamp["code"] is null) return "it was never run by this version of lab";
        if (NotebookDocument.Text(stamp["result"]) != "ok") return "its last run failed";
        if (NotebookDocument.Text(stamp["code"]) != SourceHash.OfCode(notebook)) return "its code has changed since it was run";
        if (NotebookDocument.Text(stamp["prose"]) != SourceHash.OfProse(notebook)) return "its prose has changed since it was run";
        if (NotebookDocument.Text(stamp["api"]) != SourceHash.OfApi) return "the library's public API has changed since it was run";
        return notebook.Cells.FirstOrDefault(c => c.IsCode && !c.IsBlank && !c.HasTag("skip-execution") && c.ExecutionCount is null) is { } cell ? $"its cell {cell.Number} has not run" : null;
    }

    /// <summary>Checks notebooks and prints a line for each.</summary>
    /// <param name="notebooks">Their files.</param>
    /// <param name="output">Where to print.</param>
    /// <returns>Whether all are fresh.</returns>
    public static bool Run(IReadOnlyList<string> notebooks, TextWriter output)
    {
        int stale = 0;
        foreach (string path in notebooks)
        {
            string? problem = Problem(NotebookDocument.Load(path));
            if (problem is not null) stale++;
            output.WriteLine($"{Path.GetFileName(path)}: {(problem is null ? "fresh" : $"stale, because {problem}")}");
        }

        if (stale > 0) output.WriteLine($"{stale} of {notebooks.Count} notebooks are stale. Run them anew: dotnet run --project environment/lab -- run --in-place");
        return stale == 0;
    }
}
