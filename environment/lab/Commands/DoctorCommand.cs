using System.CommandLine;
using Spectre.Console;
using UnetResnet.Lab.Doctor;
using UnetResnet.Lab.Running;
using static TorchSharp.torch;

namespace UnetResnet.Lab.Commands;

/// <summary><c>lab doctor</c>: says what of this machine will not do, and the cure.</summary>
internal static class DoctorCommand
{
    public static Command Create()
    {
        var gpu = new Option<bool>("--gpu") { Description = "Check instead what the kit does on a GPU, a line for each check. Exit codes: 0 all pass; 1 one fails; 3 no GPU is visible." };
        Option<string> device = DeviceOption.Create("cuda");
        var command = new Command("doctor", "Check this machine: SDK, native libraries, cores, memory, GPU, data, weights, Jupyter.") { gpu, device };
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(gpu)) return CheckDevice(() => DeviceOption.Of(parsed, device));
            if (parsed.GetResult(device) is not { Implicit: false }) return Report(MachineChecks.All(Repository.TryFindRoot()), AnsiConsole.Console);
            Console.Error.WriteLine("--device is for --gpu.");
            return 1;
        });
        return command;
    }

    /// <summary>Runs the checks of a device and prints each line as it comes.</summary>
    /// <returns>The exit code: 0 where all pass, 1 where one fails, 3 where there is no such device.</returns>
    private static int CheckDevice(Func<Device> find)
    {
        Device device;
        try
        {
            device = find();
        }
        catch (ArgumentException e)
        {
            Console.Error.WriteLine(e.Message);
            return NoDevice;
        }

        int failed = 0, count = 0;
        foreach (DeviceLine line in new DeviceChecks(device).Run())
        {
            Console.WriteLine(line);
            count++;
            if (!line.Passed) failed++;
        }

        Console.WriteLine(failed == 0 ? $"All {count} checks pass on {device}." : $"{failed} of {count} checks fail on {device}.");
        return failed == 0 ? 0 : 1;
    }

    /// <summary>Exit code where there is nothing to check.</summary>
    private const int NoDevice = 3;

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
