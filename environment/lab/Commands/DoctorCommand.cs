using System.CommandLine;
using Spectre.Console;
using UnetResnet.Lab.Doctor;
using UnetResnet.Lab.Running;

namespace UnetResnet.Lab.Commands;

/// <summary><c>lab doctor</c>: says what of this machine will not do, and the cure.</summary>
internal static class DoctorCommand
{
    public static Command Create()
    {
        var command = new Command("doctor", "Check this machine: SDK, native libraries, cores, memory, GPU, data, weights, Jupyter.");
        command.SetAction(_ => Report(MachineChecks.All(Repository.TryFindRoot()), AnsiConsole.Console));
        return command;
    }

    /// <summary>Shows the findings.</summary>
    /// <returns>The exit code: 1 when something is broken, else 0.</returns>
    internal static int Report(IReadOnlyList<Finding> findings, IAnsiConsole console)
    {
        var table = new Table().Border(TableBorder.Rounded).AddColumns("", "", "found", "cure");
        foreach (Finding finding in findings)
        {
            string mark = finding.Health switch
            {
                Health.Ok => "[green]ok[/]",
                Health.Warning => "[yellow]warn[/]",
                _ => "[red]fail[/]",
            };
            table.AddRow(mark, finding.Subject.EscapeMarkup(), finding.Detail.EscapeMarkup(), (finding.Cure ?? "").EscapeMarkup());
        }

        console.Write(table);
        return findings.Any(f => f.Health == Health.Failure) ? 1 : 0;
    }
}
