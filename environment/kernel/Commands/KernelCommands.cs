using System.CommandLine;

namespace Cellar.Commands;

/// <summary>The kernel's commands, for its own program and for others that pass them on.</summary>
internal static class KernelCommands
{
    /// <summary>All of them.</summary>
    /// <param name="program">What Jupyter starts, up to the name of the command: a program, and arguments if it needs any.</param>
    public static IEnumerable<Command> All(IReadOnlyList<string> program) =>
        [StartCommand.Create(), InstallCommand.Install(program), InstallCommand.Uninstall()];

    /// <summary>How to invoke a command line: a kernel answers to signals itself, SIGINT interrupts the cell and SIGTERM ends the process.</summary>
    public static InvocationConfiguration Configuration(IReadOnlyList<string> arguments)
    {
        var configuration = new InvocationConfiguration();
        if (arguments.Contains(StartCommand.Name)) configuration.ProcessTerminationTimeout = null;
        return configuration;
    }
}
