using UnetResnet.Lab.Results;

namespace UnetResnet.Lab.Running;

/// <summary>How a process ended that was to execute a notebook and gave no result.</summary>
/// <param name="ExitCode">Its exit code; 128 and the signal's number where a signal ended it.</param>
/// <param name="Exiting">Whether it said that it ends: <c>Environment.Exit</c> was called.</param>
/// <param name="OutOfMemory">Whether the system has killed a process for its memory meanwhile.</param>
/// <param name="Output">What it printed.</param>
internal sealed record WorkerDeath(int ExitCode, bool Exiting, bool OutOfMemory, OutputEnds Output)
{
    private const int Abort = 128 + 6, Kill = 128 + 9;

    private const string StackOverflow = "Stack overflow", FailFast = "Process terminated.", Unhandled = "Unhandled exception.", Fatal = "Fatal error.";

    /// <summary>Whether the runtime begins like this when it gives up: the only thing that tells its reasons apart, since all end in SIGABRT.</summary>
    public static bool IsReason(string line) => Array.Exists([StackOverflow, FailFast, Unhandled, Fatal], begin => line.StartsWith(begin, StringComparison.Ordinal));

    /// <summary>What happened, in words.</summary>
    public CellFailure Explain(int? cell)
    {
        (string name, string message, FailureKind kind) = Cause();
        return new CellFailure(cell, null, null, name, message, Output.ToList()) { Kind = kind };
    }

    private (string Name, string Message, FailureKind Kind) Cause()
    {
        if (ExitCode == Abort || ExitCode < 0) // Windows has negative codes
        {
            if (Reason(StackOverflow) is not null) return ("StackOverflow", "The stack overflowed: a method calls itself without an end, or far too deeply. Every variable is lost.", FailureKind.Notebook);
            if (Reason(FailFast) is { } why) return ("FailFast", $"The process was ended by Environment.FailFast: {why}", FailureKind.Notebook);
            if (Reason(Unhandled) is { } exception) return ("UnhandledException", $"An exception outside the cell's own call, on another thread or in a finaliser, ended the process: {exception}", FailureKind.Notebook);
            if (Reason(Fatal) is { } error) return ("NativeCrash", $"The runtime gave up: {error} Native or unsafe code has most likely written where it must not.", FailureKind.Notebook);
        }

        if (Exiting && ExitCode != 128 + 15) return ("ProcessExited", $"The cell ended its process with Environment.Exit (exit code {ExitCode}). Let it return or throw instead.", FailureKind.Notebook);
        return ExitCode switch
        {
            Kill when OutOfMemory => ("OutOfMemory", "The system killed the process because memory ran out. Give the cell less work, or the machine more memory.", FailureKind.Machine),
            Kill => ("ProcessKilled", "The process was killed from outside (SIGKILL): by somebody, or by a container whose memory ran out.", FailureKind.Machine),
            Abort => ("NativeCrash", "Native code gave up (SIGABRT); its reason may be among the lines below.", FailureKind.Notebook),
            128 + 4 => ("NativeCrash", "Native code hit an instruction that this processor does not have (SIGILL).", FailureKind.Machine),
            128 + 7 => ("NativeCrash", "Native code touched memory that has no place behind it (SIGBUS): a full disk or /dev/shm, or a file that was cut short while it was mapped.", FailureKind.Machine),
            128 + 8 => ("NativeCrash", "Native code divided by zero (SIGFPE).", FailureKind.Notebook),
            128 + 11 => ("NativeCrash", "Native code touched memory that it does not own (SIGSEGV).", FailureKind.Notebook),
            128 + 15 => ("ProcessKilled", "The process was asked to end from outside (SIGTERM).", FailureKind.Machine),
            > 128 and < 128 + 65 => ("ProcessKilled", $"The process was ended by signal {ExitCode - 128}.", FailureKind.Machine),
            _ => ("ProcessExited", $"The process ended by itself with exit code {ExitCode}: native code called exit.", FailureKind.Notebook),
        };
    }

    /// <summary>What follows the runtime's own words, as a sentence; null where it has not said them.</summary>
    private string? Reason(string begin)
    {
        if (Output.Reasons.FirstOrDefault(l => l.StartsWith(begin, StringComparison.Ordinal)) is not { } line) return null;
        return line[begin.Length..].Trim() is { Length: > 0 } text ? text.TrimEnd('.') + "." : "it gave no reason.";
    }

    /// <summary>How many processes the system has killed for their memory since it started; null where it does not tell.</summary>
    public static long? KilledForMemory()
    {
        const string file = "/proc/vmstat", name = "oom_kill ";
        if (!File.Exists(file)) return null;
        string? line = File.ReadLines(file).FirstOrDefault(l => l.StartsWith(name, StringComparison.Ordinal));
        return line is not null && long.TryParse(line[name.Length..], out long count) ? count : null;
    }
}
