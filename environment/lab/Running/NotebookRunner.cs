using System.Diagnostics;
using Cellar.Engine;
using Cellar.Notebooks;
using UnetResnet.Lab.Report;
using UnetResnet.Lab.Results;
using UnetResnet.Runtime;

namespace UnetResnet.Lab.Running;

/// <summary>Runs notebooks, each in a process of its own and as many at a time as there are cores, until one fails unless all are wanted; then writes the report.</summary>
/// <param name="options">What to run and where the results go.</param>
/// <param name="display">Shows the progress.</param>
internal sealed class NotebookRunner(RunOptions options, RunDisplay display)
{
    /// <summary>Runs the notebooks, shows a summary and writes the report.</summary>
    /// <exception cref="ArgumentException">See <see cref="RunOptions.FindNotebooks"/>.</exception>
    /// <exception cref="IOException">The folder for the copies cannot be created: nothing was run.</exception>
    /// <exception cref="UnauthorizedAccessException">As before.</exception>
    public async Task<RunResult> RunAsync(CancellationToken cancel)
    {
        IReadOnlyList<string> notebooks = options.FindNotebooks();
        string copies = Path.Combine(options.OutputFolder, "notebooks");
        Directory.CreateDirectory(copies);
        int jobs = Math.Min(options.Jobs, notebooks.Count), threads = Math.Max(1, Environment.ProcessorCount / jobs);
        string CopyOf(string path) => Path.Combine(copies, Path.GetFileName(path));
        var watch = Stopwatch.StartNew();
        var ran = new NotebookResult?[notebooks.Count];
        bool stopped = false;
        await display.ShowAsync(() => Parallel.ForAsync(0, notebooks.Count, new ParallelOptions { MaxDegreeOfParallelism = jobs, CancellationToken = cancel }, async (i, stop) =>
        {
            if (Volatile.Read(ref stopped)) return;
            string path = notebooks[i];
            NotebookResult result = await display.ShowNotebookAsync(Path.GetFileNameWithoutExtension(path), progress => RunOneAsync(path, CopyOf(path), threads, progress, stop));
            ran[i] = result;
            if (!result.Succeeded && !options.KeepGoing) Volatile.Write(ref stopped, true);
        }));

        var pages = new List<ReportEntry>();
        foreach ((string path, NotebookResult? result) in notebooks.Zip(ran))
            if (result is not null && Try(() => NotebookDocument.Load(CopyOf(path)), out NotebookDocument? executed) is null) pages.Add(new ReportEntry(executed!, result, Path.GetDirectoryName(Path.GetFullPath(path))!));

        // The summary is what the run was for: it is there before the report is tried.
        NotebookResult[] results = [.. ran.OfType<NotebookResult>()];
        display.ShowSummary(notebooks, results, jobs, watch.Elapsed);
        string? report = WriteReport(pages);
        return new RunResult(results, report);
    }

    /// <summary>Writes the report and says where it is, or why there is none, whatever the reason.</summary>
    private string? WriteReport(IReadOnlyList<ReportEntry> pages)
    {
        try
        {
            string report = ReportWriter.Write(Path.Combine(options.OutputFolder, "report"), pages);
            display.ShowReport($"Report: {report}");
            return report;
        }
        catch (Exception e)
        {
            string cure = e is IOException or UnauthorizedAccessException ? " Give another folder with --output." : "";
            display.ShowReport($"The report could not be written: {e.Message.TrimEnd('.')}.{cure}");
            return null;
        }
    }

    private async Task<NotebookResult> RunOneAsync(string path, string copy, int threads, Action<WorkerMessage> progress, CancellationToken cancel)
    {
        NotebookDocument original;
        try
        {
            original = NotebookModes.Apply(NotebookDocument.Load(path), options.Mode);
        }
        catch (Exception e) when (e is NotebookFormatException or IOException or UnauthorizedAccessException)
        {
            return Broken(path, new CellFailure(null, null, null, "BrokenNotebook", e.Message, []));
        }

        string? problem = Try(() => { File.Delete(copy); return copy; }, out _); // a copy of an earlier run must not pass for one of this run
        if (problem is not null) return Broken(path, NotWritten(copy, problem));
        NotebookResult result = await NotebookProcess.RunAsync(path, copy, options.CellTimeLimit, options.Mode, threads, progress, cancel);
        problem = Try(() => result = Finish(path, copy, original, result), out _);
        return problem is null ? result : result with { Failure = result.Failure ?? NotWritten(copy, problem) };
    }

    /// <summary>Checks and stamps the executed copy, and puts it in the notebook's place if that was asked for.</summary>
    private NotebookResult Finish(string path, string copy, NotebookDocument original, NotebookResult result)
    {
        if (!File.Exists(copy) && result.Succeeded) return result with { Failure = new CellFailure(null, null, null, "CellsDidNotRun", $"There is no executed copy {copy}.", []) };
        NotebookDocument executed;
        if (File.Exists(copy)) executed = NotebookDocument.Load(copy);
        else if (result.Failure!.Cell is null) return result;
        else executed = Unexecuted(original); // the process died in its first cell
        if (result.Succeeded) result = result with { Failure = RunCheck.Verify(original, executed) ?? NotebookModes.Verify(executed) ?? Compare(path, executed) };
        if (result.Failure is { Cell: { } number } failure) Show(failure, executed.Cells.First(c => c.IsCode && c.Number == number));
        RunStamp.Write(executed, result, DateTimeOffset.Now);
        executed.Save(copy);
        if (options.InPlace && result.Succeeded) AtomicFile.WriteText(path, executed.ToString());
        return result;
    }

    private CellFailure? Compare(string path, NotebookDocument executed)
    {
        if (options.LikeFolder is null) return null;
        string earlier = Path.Combine(options.LikeFolder, Path.GetFileName(path));
        return FigureCheck.Verify(NotebookDocument.Load(earlier), executed, earlier);
    }

    private static NotebookDocument Unexecuted(NotebookDocument original)
    {
        foreach (NotebookCell cell in original.Cells.Where(c => c.IsCode && !c.HasTag("skip-execution"))) cell.Clear();
        return original;
    }

    /// <summary>Puts an error into the cell that failed, unless the engine has done so.</summary>
    private static void Show(CellFailure failure, NotebookCell cell)
    {
        if (cell.Outputs.Any(o => NotebookDocument.Text(o?["output_type"]) == "error")) return;
        IReadOnlyList<string> traceback = [$"{failure.Name}: {failure.Message}", .. failure.Traceback];
        new OutputRecorder().Record(cell, new ErrorOutput(new CellError(failure.Name, failure.Message, null, failure.Line, failure.SourceLine, traceback)));
    }

    /// <summary>Why something that touches files could not be done, as a sentence; null where it was done.</summary>
    private static string? Try<T>(Func<T> action, out T? value)
    {
        value = default;
        try
        {
            value = action();
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotebookFormatException)
        {
            return e.Message.TrimEnd('.') + ".";
        }
    }

    private static NotebookResult Broken(string path, CellFailure failure) => new() { Notebook = Path.GetFileNameWithoutExtension(path), Cells = 0, Executed = 0, Failure = failure };

    private static CellFailure NotWritten(string copy, string problem) => new(null, null, null, "CopyNotWritten", $"{copy} could not be written: {problem} Free the disk, or give another folder with --output.", []) { Kind = FailureKind.Machine };
}
