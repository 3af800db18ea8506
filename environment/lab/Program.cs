using System.CommandLine;
using UnetResnet.Lab.Commands;

namespace UnetResnet.Lab;

/// <summary>The <c>lab</c> executable: one subcommand per file in <c>Commands/</c>.</summary>
internal static class Program
{
    private static Task<int> Main(string[] args)
    {
        var root = new RootCommand("UnetResnet's laboratory: runs the notebooks, makes the data and the weights, checks the machine.")
        {
            RunCommand.Create(),
            RunNotebookCommand.Create(),
            DoctorCommand.Create(),
            DoctorModelCommand.Create(),
            BenchCommand.Create(),
            PretrainCommand.Create(),
            DataCommand.Create(),
            WeightsCommand.Create(),
            ExportCommand.Create(),
            KernelCommand.Create(),
        };
        // A kernel answers to signals itself: SIGINT interrupts the cell, SIGTERM ends the process.
        var configuration = new InvocationConfiguration();
        if (args is ["kernel", "start", ..]) configuration.ProcessTerminationTimeout = null;
        return root.Parse(args).InvokeAsync(configuration);
    }
}
