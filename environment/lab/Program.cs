using System.CommandLine;
using Cellar.Commands;
using UnetResnet.Lab.Commands;
using UnetResnet.Lab.Running;

namespace UnetResnet.Lab;

/// <summary>The <c>lab</c> executable: one subcommand per file in <c>Commands/</c>.</summary>
internal static class Program
{
    private static async Task<int> Main(string[] args)
    {
        var root = new RootCommand("UnetResnet's laboratory: runs the notebooks, makes the data and the weights, checks the machine.")
        {
            RunCommand.Create(),
            ReportCommand.Create(),
            RunNotebookCommand.Create(),
            SoakWorkerCommand.Create(),
            StepWorkerCommand.Create(),
            DoctorCommand.Create(),
            DoctorModelCommand.Create(),
            PredictCommand.Create(),
            BenchCommand.Create(),
            PretrainCommand.Create(),
            DataCommand.Create(),
            WeightsCommand.Create(),
            ExportCommand.Create(),
            RecalibrateCommand.Create(),
            KernelCommand(),
        };
        ParseResult parsed = root.Parse(args);
        InvocationConfiguration configuration = KernelCommands.Configuration(args);
        configuration.EnableDefaultExceptionHandler = false;
        int code = await CommandGuard.Run(() => parsed.InvokeAsync(configuration), Console.Error);
        return parsed.Errors.Count > 0 ? RunExitCode.BadUsage : code;
    }

    /// <summary>The kernel's own commands, passed on: the kernel then has this program's assemblies.</summary>
    private static Command KernelCommand()
    {
        var kernel = new Command("kernel", "The Jupyter kernel for C#.");
        foreach (Command command in KernelCommands.All([.. OwnProgram.Of(typeof(Program).Assembly), kernel.Name])) kernel.Add(command);
        return kernel;
    }
}
