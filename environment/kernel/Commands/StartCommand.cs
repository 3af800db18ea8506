using System.CommandLine;
using System.Runtime.InteropServices;
using Cellar.Protocol;

namespace Cellar.Commands;

/// <summary><c>start</c>: what Jupyter calls.</summary>
internal static class StartCommand
{
    public const string Name = "start";

    public static Command Create()
    {
        var file = new Argument<string>("connection-file") { Description = "Written by Jupyter: addresses and key." };
        var command = new Command(Name, "Start the kernel; Jupyter does this.") { file };
        command.SetAction(async (parsed, _) =>
        {
            try
            {
                using (var kernel = new JupyterKernel(ConnectionFile.Load(parsed.GetValue(file)!), Directory.GetCurrentDirectory()))
                using (PosixSignalRegistration.Create(PosixSignal.SIGINT, signal => { signal.Cancel = true; kernel.Interrupt(); }))
                {
                    // Asynchronously: whatever went on inside the handler of the signal would wait for the handler's own end.
                    var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                    using PosixSignalRegistration end = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal => { signal.Cancel = true; ended.TrySetResult(); });
                    await Task.WhenAny(kernel.Finished, ParentWatch.WaitAsync(CancellationToken.None), ended.Task);
                }

                // A cell that could not be stopped must not keep the process.
                Environment.Exit(0);
                return 0;
            }
            catch (Exception e) when (e is IOException or FormatException or UnauthorizedAccessException)
            {
                Console.Error.WriteLine(e.Message);
                return 1;
            }
        });
        return command;
    }
}
