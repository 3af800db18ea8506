using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using UnetResnet.Lab.Results;

namespace UnetResnet.Lab.Running;

/// <summary>
/// Executes one notebook in a process of its own: no state is left over from the notebook before, its memory can be told, and it can be
/// killed where a native call cannot be cut.
/// </summary>
internal static class NotebookProcess
{
    /// <summary>The hidden subcommand that the process is started with.</summary>
    public const string Subcommand = "run-notebook";

    /// <summary>How much longer than a cell's time limit the process gets to stop the cell by itself.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(15);

    /// <summary>How long what an ended process has printed is waited for: somebody who outlives it may have its streams.</summary>
    private static readonly TimeSpan Drain = TimeSpan.FromSeconds(1);

    /// <summary>Executes a notebook.</summary>
    /// <param name="input">The notebook; stays as it is.</param>
    /// <param name="output">Where the executed copy goes.</param>
    /// <param name="cellTimeLimit">Time limit of each cell.</param>
    /// <param name="mode">Whether exercises are run open, solved, or both.</param>
    /// <param name="threads">Threads of libtorch's operations, unless <c>OMP_NUM_THREADS</c> says how many.</param>
    /// <param name="progress">Told before and after each cell.</param>
    /// <param name="cancel">Kills the process.</param>
    public static async Task<NotebookResult> RunAsync(
        string input, string output, TimeSpan cellTimeLimit, NotebookMode mode, int threads, Action<WorkerMessage> progress, CancellationToken cancel)
    {
        var watch = Stopwatch.StartNew();
        long? killedBefore = WorkerDeath.KilledForMemory();
        using var link = new WorkerLink();
        using var process = new Process { StartInfo = StartInfo(input, output, cellTimeLimit, mode, threads) };
        using CancellationTokenSource kill = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var last = new WorkerMessage();
        bool exiting = false;

        void Hear(WorkerMessage message)
        {
            if (message.Exiting)
            {
                exiting = true;
                return;
            }

            last = message;
            // After the result only the end of the process is waited for.
            kill.CancelAfter(message.Result is not null ? Grace : message.Done ? Timeout.InfiniteTimeSpan : cellTimeLimit + Grace);
            if (message.Result is null) progress(message);
        }

        try
        {
            link.Start(process);
        }
        catch (Win32Exception e)
        {
            return Failed(input, last, new CellFailure(null, null, null, "ProcessNotStarted", $"{process.StartInfo.FileName} could not be started: {e.Message}. Is the disk or the table of processes full?", []) { Kind = FailureKind.Machine });
        }

        link.Listen(Hear);
        process.StandardInput.Close(); // nobody is there to answer Console.ReadLine
        var printed = new OutputEnds();
        Task streams = Task.WhenAll(printed.ReadAsync(process.StandardOutput), printed.ReadAsync(process.StandardError));
        try
        {
            await process.WaitForExitAsync(kill.Token);
        }
        catch (OperationCanceledException)
        {
            Kill(process);
            await process.WaitForExitAsync(CancellationToken.None);
            cancel.ThrowIfCancellationRequested();
        }

        ProcessGroup.Kill(process.Id); // children that a cell has left behind
        await Task.WhenAny(Task.WhenAll(streams, link.Ended), Task.Delay(Drain, CancellationToken.None));
        NotebookResult result = last.Result ?? Failed(input, last, kill.IsCancellationRequested
            ? TimeLimit(last, cellTimeLimit, printed.ToList())
            : new WorkerDeath(process.ExitCode, exiting, WorkerDeath.KilledForMemory() > killedBefore, printed).Explain(CellOf(last)));
        return result with { Seconds = watch.Elapsed.TotalSeconds };
    }

    private static ProcessStartInfo StartInfo(string input, string output, TimeSpan cellTimeLimit, NotebookMode mode, int threads)
    {
        string program = typeof(NotebookProcess).Assembly.Location;
        string? own = Environment.ProcessPath;
        bool launched = own is not null && Path.GetFileNameWithoutExtension(own) == Path.GetFileNameWithoutExtension(program);
        var info = new ProcessStartInfo(launched ? own! : Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
            WorkingDirectory = Path.GetDirectoryName(Path.GetFullPath(input)),
        };
        if (!launched) info.ArgumentList.Add(program);
        foreach (string argument in (string[])[Subcommand, Path.GetFullPath(input), Path.GetFullPath(output), "--timeout", $"{cellTimeLimit.TotalSeconds:R}", "--mode", $"{mode}"])
            info.ArgumentList.Add(argument);
        info.Environment["TORCH_CPP_LOG_LEVEL"] = "ERROR";
        info.Environment.TryAdd("OMP_NUM_THREADS", $"{threads}");
        return info;
    }

    private static void Kill(Process process)
    {
        ProcessGroup.Kill(process.Id);
        process.Kill(entireProcessTree: true); // Windows, and a process that has not got as far as its group
    }

    private static CellFailure TimeLimit(WorkerMessage last, TimeSpan limit, IReadOnlyList<string> printed) => new(
        CellOf(last), null, null, "TimeLimitExceeded", $"The cell took longer than its {limit.TotalSeconds:0.###} s and was inside a native call: its process was killed. Give it less work or raise the limit.", printed)
    { Kind = FailureKind.TimeLimit };

    private static int? CellOf(WorkerMessage last) => last.Cell == 0 ? null : last.Cell;

    /// <summary>The process ended without a result: killed by us, by the system, or by itself.</summary>
    private static NotebookResult Failed(string input, WorkerMessage last, CellFailure failure) => new()
    {
        Notebook = Path.GetFileNameWithoutExtension(input),
        Cells = last.Count,
        Executed = last.Index,
        PeakMemoryBytes = last.PeakMemoryBytes,
        Failure = failure,
    };
}
