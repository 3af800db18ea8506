using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Cellar.Engine;
using Cellar.Notebooks;
using UnetResnet.Lab.Results;
using UnetResnet.Runtime;

namespace UnetResnet.Lab.Running;

/// <summary>Executes one notebook from top to bottom in this process, and records the outputs in it.</summary>
/// <remarks>
/// Honours the tags of nbclient and nbmake: <c>skip-execution</c> cells are left out, <c>raises-exception</c> cells may fail. A cell over
/// its time limit fails in any case.
/// </remarks>
/// <param name="engine">Of a fresh state, in the notebook's folder.</param>
/// <param name="cellTimeLimit">Time limit of each cell.</param>
/// <param name="progress">Told before and after each cell.</param>
internal sealed class NotebookExecutor(NotebookEngine engine, TimeSpan cellTimeLimit, Action<WorkerMessage> progress)
{
    /// <summary>Executes the notebook, up to the first failing cell.</summary>
    /// <param name="notebook">Changed in place: outputs, execution counts and times.</param>
    /// <param name="save">Called after each cell, so that what has been done survives the end of the process.</param>
    public async Task<NotebookResult> ExecuteAsync(NotebookDocument notebook, Action save)
    {
        var watch = Stopwatch.StartNew();
        NotebookCell[] skipped = [.. notebook.Cells.Where(c => c.IsCode && c.HasTag("skip-execution"))];
        NotebookCell[] cells = [.. notebook.Cells.Where(c => c.IsCode && !c.IsBlank).Except(skipped)];
        foreach (NotebookCell cell in notebook.Cells.Where(c => c.IsCode && !skipped.Contains(c))) cell.Clear();

        CellFailure? failure = notebook.LanguageProblem() is { } problem
            ? new CellFailure(null, null, null, "WrongKernel", $"{notebook.Name}: {problem}.", [])
            : null;
        int executed = 0;
        var recorder = new OutputRecorder();
        foreach (NotebookCell cell in cells)
        {
            if (failure is not null) break;
            progress(new WorkerMessage { Cell = cell.Number, Index = executed + 1, Count = cells.Length });
            failure = await ExecuteCellAsync(recorder, cell);
            executed++;
            progress(new WorkerMessage { Cell = cell.Number, Index = executed, Count = cells.Length, Done = true, PeakMemoryBytes = PeakMemory() });
            save();
        }

        return new NotebookResult
        {
            Notebook = notebook.Name,
            Cells = cells.Length,
            Executed = executed,
            Skipped = skipped.Length,
            Seconds = watch.Elapsed.TotalSeconds,
            PeakMemoryBytes = PeakMemory(),
            Failure = failure,
        };
    }

    private async Task<CellFailure?> ExecuteCellAsync(OutputRecorder recorder, NotebookCell cell)
    {
        // A cell of another language is written as if its magic command stood above it.
        string code = cell.Language is null or "csharp" ? cell.Source : $"#!{cell.Language}\n{cell.Source}";
        DateTime begin = DateTime.UtcNow;
        CellResult result = await engine.ExecuteAsync(code, $"cell {cell.Number}", output => recorder.Record(cell, output), cellTimeLimit);
        cell.ExecutionCount = engine.ExecutionCount;
        cell.Metadata["execution"] = new JsonObject
        {
            ["iopub.execute_input"] = Iso(begin),
            ["shell.execute_reply"] = Iso(begin + result.Elapsed),
        };

        if (result.Error is not { } error || (cell.HasTag("raises-exception") && error.Name != CellError.TimeLimitExceeded)) return null;
        return new CellFailure(cell.Number, error.Line, error.SourceLine, error.Name, error.Message, error.Traceback) { Kind = KindOf(error.Name) };
    }

    private static FailureKind KindOf(string error) => error switch
    {
        CellError.TimeLimitExceeded => FailureKind.TimeLimit,
        "System.OutOfMemoryException" => FailureKind.Machine,
        _ when error == typeof(TorchLoadException).FullName => FailureKind.Machine,
        _ => FailureKind.Notebook,
    };

    private static string Iso(DateTime time) => time.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);

    private static long PeakMemory()
    {
        using Process self = Process.GetCurrentProcess();
        return self.PeakWorkingSet64;
    }
}
