using System.Diagnostics;

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

    /// <summary>Executes a notebook.</summary>
    /// <param name="input">The notebook; stays as it is.</param>
    /// <param name="output">Where the executed copy goes.</param>
    /// <param name="cellTimeLimit">Time limit of each cell.</param>
    /// <param name="mode">Whether exercises are run open, solved, or both.</param>
    /// <param name="progress">Told before and after each cell.</param>
    /// <param name="cancel">Kills the process.</param>
    public static async Task<NotebookResult> RunAsync(
        string input, string output, TimeSpan cellTimeLimit, NotebookMode mode, Action<WorkerMessage> progress, CancellationToken cancel)
    {
        var watch = Stopwatch.StartNew();
        using var process = new Process { StartInfo = StartInfo(input, output, cellTimeLimit, mode) };
        using CancellationTokenSource kill = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var last = new WorkerMessage();
        var noise = new Queue<string>();

        void Hear(string? line)
        {
            if (line is null) return;
            if (WorkerMessage.FromLine(line) is not { } message)
            {
                lock (noise)
                {
                    noise.Enqueue(line);
                    if (noise.Count > 20) noise.Dequeue();
                }

                return;
            }

            last = message;
            kill.CancelAfter(message.Done || message.Result is not null ? Timeout.InfiniteTimeSpan : cellTimeLimit + Grace);
            if (message.Result is null) progress(message);
        }

        process.OutputDataReceived += (_, e) => Hear(e.Data);
        process.ErrorDataReceived += (_, e) => Hear(e.Data);
        process.Start();
        process.StandardInput.Close(); // nobody is there to answer Console.ReadLine
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        try
        {
            await process.WaitForExitAsync(kill.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync(CancellationToken.None);
            cancel.ThrowIfCancellationRequested();
        }

        NotebookResult result = last.Result ?? Died(input, last, process.ExitCode, kill.IsCancellationRequested, cellTimeLimit, noise);
        return result with { Seconds = watch.Elapsed.TotalSeconds };
    }

    private static ProcessStartInfo StartInfo(string input, string output, TimeSpan cellTimeLimit, NotebookMode mode)
    {
        string program = typeof(NotebookProcess).Assembly.Location;
        string? own = Environment.ProcessPath;
        bool launched = own is not null && Path.GetFileNameWithoutExtension(own) == Path.GetFileNameWithoutExtension(program);
        var info = new ProcessStartInfo(launched ? own! : Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Path.GetDirectoryName(Path.GetFullPath(input)),
        };
        if (!launched) info.ArgumentList.Add(program);
        foreach (string argument in (string[])[Subcommand, Path.GetFullPath(input), Path.GetFullPath(output), "--timeout", $"{cellTimeLimit.TotalSeconds:R}", "--mode", $"{mode}"])
            info.ArgumentList.Add(argument);
        info.Environment["TORCH_CPP_LOG_LEVEL"] = "ERROR";
        return info;
    }

    /// <summary>The process ended without a result: killed by us, by the system, or by itself.</summary>
    private static NotebookResult Died(string input, WorkerMessage last, int exitCode, bool killed, TimeSpan limit, IReadOnlyCollection<string> noise)
    {
        (string name, string message) = killed
            ? ("TimeLimitExceeded", $"The cell took longer than its {limit.TotalSeconds:0.###} s and was inside a native call: its process was killed. Give it less work or raise the limit.")
            : ("ProcessDied", exitCode switch
            {
                136 => "The process died of SIGFPE: native code divided by zero.",
                134 => "The process died of SIGABRT: native code gave up.",
                137 => "The process was killed (SIGKILL), most likely because memory ran out.",
                139 => "The process died of SIGSEGV: native code touched memory it does not own.",
                _ => $"The process ended by itself with exit code {exitCode}.",
            });
        return new NotebookResult
        {
            Notebook = Path.GetFileNameWithoutExtension(input),
            Cells = last.Count,
            Executed = last.Index,
            PeakMemoryBytes = last.PeakMemoryBytes,
            Failure = new CellFailure(last.Cell == 0 ? null : last.Cell, null, null, name, message, [.. noise]),
        };
    }
}
