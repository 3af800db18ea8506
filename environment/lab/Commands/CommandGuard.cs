using System.Runtime.InteropServices;
using Cellar.Notebooks;
using UnetResnet.Lab.Running;
using UnetResnet.Runtime;

namespace UnetResnet.Lab.Commands;

/// <summary>How every command of <c>lab</c> fails: exit code 1 and one sentence. Only what nobody foresaw comes with its trace.</summary>
internal static class CommandGuard
{
    /// <summary>How long after a command's end the signal that cancelled it may be told.</summary>
    private static readonly TimeSpan SignalArrives = TimeSpan.FromSeconds(1);

    /// <summary>Runs a command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="errors">Where the sentence goes.</param>
    /// <returns>The command's exit code; 1 where it failed; 130 where it was interrupted and 143 where SIGTERM ended it, as shells have it.</returns>
    public static async Task<int> Run(Func<Task<int>> command, TextWriter errors)
    {
        // Both cancel the command, and a script wants to know which it was. What cancels is called before these.
        var signal = new TaskCompletionSource<PosixSignal>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var interrupting = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => signal.TrySetResult(context.Signal));
        using var terminating = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => signal.TrySetResult(context.Signal));
        int code = await RunGuarded(command, errors);
        if (code != RunExitCode.Interrupted) return code;
        await Task.WhenAny(signal.Task, Task.Delay(SignalArrives));
        return signal.Task is { IsCompletedSuccessfully: true, Result: PosixSignal.SIGTERM } ? RunExitCode.Terminated : code;
    }

    private static async Task<int> RunGuarded(Func<Task<int>> command, TextWriter errors)
    {
        try
        {
            return await command();
        }
        catch (OperationCanceledException)
        {
            errors.WriteLine("Interrupted.");
            return RunExitCode.Interrupted;
        }
        catch (Exception e) when (e is KitException or NotebookFormatException or ArgumentException or IOException or UnauthorizedAccessException)
        {
            errors.WriteLine(e.Message);
            return 1;
        }
        catch (Exception e)
        {
            errors.WriteLine(e);
            return 1;
        }
    }
}
