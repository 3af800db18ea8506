using Cellar.Notebooks;
using UnetResnet.Lab.Running;
using UnetResnet.Runtime;

namespace UnetResnet.Lab.Commands;

/// <summary>How every command of <c>lab</c> fails: exit code 1 and one sentence. Only what nobody foresaw comes with its trace.</summary>
internal static class CommandGuard
{
    /// <summary>Runs a command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="errors">Where the sentence goes.</param>
    /// <returns>The command's exit code; 1 where it failed; 130 where it was interrupted, as shells have it.</returns>
    public static async Task<int> Run(Func<Task<int>> command, TextWriter errors)
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
