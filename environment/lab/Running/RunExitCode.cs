using UnetResnet.Lab.Results;

namespace UnetResnet.Lab.Running;

/// <summary>Exit codes of <c>lab run</c>.</summary>
internal static class RunExitCode
{
    public const int Success = 0, NotebookFailed = 1, BadUsage = 2, TimeLimit = 3, MachineTrouble = 4, Interrupted = 130, Terminated = 143;

    /// <summary>For <c>--help</c>.</summary>
    public const string Help = "Exit codes: 0 every notebook ran; 1 a notebook failed; 2 wrong arguments; 3 a cell took longer than --timeout; "
        + "4 trouble with the machine (memory, disk, a process killed from outside, libtorch); 130 interrupted by Ctrl+C; 143 ended by SIGTERM. Of several that failed, the first by name decides.";

    /// <summary>The code of a run that came to its end.</summary>
    /// <param name="results">One for each notebook that was begun, in the order of their names.</param>
    /// <param name="reportWritten">Whether the report could be written.</param>
    public static int Of(IEnumerable<NotebookResult> results, bool reportWritten) => results.Select(r => r.Failure).FirstOrDefault(f => f is not null)?.Kind switch
    {
        null => reportWritten ? Success : MachineTrouble,
        FailureKind.TimeLimit => TimeLimit,
        FailureKind.Machine => MachineTrouble,
        _ => NotebookFailed,
    };
}
