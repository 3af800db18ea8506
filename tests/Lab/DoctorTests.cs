using Spectre.Console;
using UnetResnet.Lab.Commands;
using UnetResnet.Lab.Doctor;

namespace UnetResnet.Tests.Lab;

public sealed class DoctorTests
{
    [Fact]
    public void This_machine_can_run_the_kit()
    {
        using var empty = new TemporaryFolder();
        IReadOnlyList<Finding> findings = MachineChecks.All(empty.Path);
        Assert.Equal(Health.Ok, findings.Single(f => f.Subject == "libtorch").Health);
        Assert.Equal(Health.Ok, findings.Single(f => f.Subject == ".NET SDK").Health);

        Finding data = findings.Single(f => f.Subject == "data");
        Assert.Equal(Health.Failure, data.Health);
        Assert.Contains("lab data brain-mri", data.Cure);
        empty.Write("data/brain-mri/images/one.png", "");
        Assert.Equal(Health.Ok, MachineChecks.All(empty.Path).Single(f => f.Subject == "data").Health);
    }

    [Fact]
    public void A_failure_gives_exit_code_1_and_a_warning_does_not()
    {
        var printed = new StringWriter();
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(printed), Ansi = AnsiSupport.No });
        Finding warning = new("memory", Health.Warning, "[little]", "Buy more.");
        Assert.Equal(0, DoctorCommand.Report([warning], console));
        Assert.Equal(1, DoctorCommand.Report([warning, new Finding("SDK", Health.Failure, "none", "Install it.")], console));
        Assert.Contains("[little]", printed.ToString());
        Assert.Contains("Install it.", printed.ToString());
    }
}
