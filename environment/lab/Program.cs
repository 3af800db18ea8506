using System.CommandLine;
using Cellar.Commands;
using UnetResnet.Lab.Benchmarks;
using UnetResnet.Lab.Commands;
using UnetResnet.Lab.Running;

namespace UnetResnet.Lab;

/// <summary>The <c>lab</c> executable: one subcommand per file in <c>Commands/</c>.</summary>
internal static class Program
{
    /// <summary>The commands by name.</summary>
    private static readonly (string Name, Func<Command> Create)[] Commands =
    [
        ("run", RunCommand.Create),
        ("report", ReportCommand.Create),
        (NotebookProcess.Subcommand, RunNotebookCommand.Create),
        (SoakKills.Subcommand, SoakWorkerCommand.Create),
        (ConvolutionProfile.Subcommand, StepWorkerCommand.Create),
        ("doctor", DoctorCommand.Create),
        ("doctor-model", DoctorModelCommand.Create),
        ("predict", PredictCommand.Create),
        ("bench", BenchCommand.Create),
        ("pretrain", PretrainCommand.Create),
        ("data", DataCommand.Create),
        ("weights", WeightsCommand.Create),
        ("export", ExportCommand.Create),
        ("recalibrate", RecalibrateCommand.Create),
        ("kernel", KernelCommand),
    ];

    /// <summary>The command line. Where it begins with the name of a command, only that one is created: the others would cost time at every start.</summary>
    /// <param name="args">What was typed.</param>
    internal static RootCommand Root(IReadOnlyList<string> args)
    {
        var root = new RootCommand("UnetResnet's laboratory: runs the notebooks, makes the data and the weights, checks the machine.");
        bool one = args.Count > 0 && Commands.Any(c => c.Name == args[0]);
        foreach ((string name, Func<Command> create) in Commands)
            if (!one || name == args[0]) root.Add(create());
        return root;
    }

    private static async Task<int> Main(string[] args)
    {
        ParseResult parsed = Root(args).Parse(args);
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
