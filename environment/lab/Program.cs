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
            KernelCommand.Create(),
        };
        return root.Parse(args).InvokeAsync();
    }
}
