using Cellar.Notebooks;
using UnetResnet.Lab.Report;
using UnetResnet.Runtime;

namespace UnetResnet.Lab.Running;

/// <summary>Runs notebooks one after the other, each in a process of its own, up to the first that fails; then writes the report.</summary>
/// <param name="options">What to run and where the results go.</param>
/// <param name="display">Shows the progress.</param>
internal sealed class NotebookRunner(RunOptions options, RunDisplay display)
{
    /// <summary>Runs the notebooks.</summary>
    /// <returns>One result for each notebook that was begun.</returns>
    /// <exception cref="ArgumentException">See <see cref="RunOptions.FindNotebooks"/>.</exception>
    public async Task<IReadOnlyList<NotebookResult>> RunAsync(CancellationToken cancel)
    {
        IReadOnlyList<string> notebooks = options.FindNotebooks();
        string copies = Path.Combine(options.OutputFolder, "notebooks");
        Directory.CreateDirectory(copies);
        var results = new List<NotebookResult>();
        var pages = new List<ReportEntry>();
        foreach (string path in notebooks)
        {
            string copy = Path.Combine(copies, Path.GetFileName(path));
            File.Delete(copy); // a copy of an earlier run must not pass for one of this run
            NotebookResult result = await display.ShowAsync(
                Path.GetFileNameWithoutExtension(path), progress => RunOneAsync(path, copy, progress, cancel));
            results.Add(result);
            if (File.Exists(copy)) pages.Add(new ReportEntry(NotebookDocument.Load(copy), result, Path.GetDirectoryName(Path.GetFullPath(path))!));
            if (!result.Succeeded) break;
            if (options.InPlace) AtomicFile.WriteText(path, File.ReadAllText(copy));
        }

        string report = ReportWriter.Write(Path.Combine(options.OutputFolder, "report"), pages);
        display.ShowSummary(notebooks, results, report);
        return results;
    }

    private async Task<NotebookResult> RunOneAsync(string path, string copy, Action<WorkerMessage> progress, CancellationToken cancel)
    {
        NotebookDocument original;
        try
        {
            original = NotebookModes.Apply(NotebookDocument.Load(path), options.Mode);
        }
        catch (Exception e) when (e is NotebookFormatException or IOException or UnauthorizedAccessException)
        {
            return new NotebookResult
            {
                Notebook = Path.GetFileNameWithoutExtension(path),
                Cells = 0,
                Executed = 0,
                Failure = new CellFailure(null, null, null, "BrokenNotebook", e.Message, []),
            };
        }

        NotebookResult result = await NotebookProcess.RunAsync(path, copy, options.CellTimeLimit, options.Mode, progress, cancel);
        if (!File.Exists(copy)) return result.Succeeded ? result with { Failure = NoCopy(copy) } : result;

        NotebookDocument executed = NotebookDocument.Load(copy);
        if (result.Succeeded) result = result with { Failure = RunCheck.Verify(original, executed) ?? NotebookModes.Verify(executed) };
        RunStamp.Write(executed, result, DateTimeOffset.Now);
        executed.Save(copy);
        return result;
    }

    private static CellFailure NoCopy(string copy) => new(null, null, null, "CellsDidNotRun", $"There is no executed copy {copy}.", []);
}
