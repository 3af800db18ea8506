using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Cellar.Tests.Protocol;

/// <summary>The benchmark measures every figure that has a limit; whether the limits hold depends on what else the machine does.</summary>
[Collection("kernels")]
public sealed class KernelBenchmarkTests
{
    [Fact]
    public void Every_figure_is_measured_and_judged()
    {
        using Process process = Process.Start(new ProcessStartInfo("dotnet", [typeof(UnetResnet.Lab.Commands.RunCommand).Assembly.Location, "bench", "kernel", "--starts", "1", "--alone", "--json"]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        (int code, string output, string errors) = JupyterFixture.Finish(process);
        JsonNode[] figures = [.. (JsonNode.Parse(output) ?? throw new InvalidOperationException(errors)).AsArray().Select(f => f!)];
        Assert.Equal(OperatingSystem.IsLinux() ? 8 : 6, figures.Length);
        foreach (JsonNode figure in figures)
        {
            (double value, double best, double limit) = (figure["value"]!.GetValue<double>(), figure["best"]!.GetValue<double>(), figure["limit"]!.GetValue<double>());
            Assert.True(best > 0 && best <= value, figure.ToJsonString());
            Assert.Equal(value <= limit, figure["holds"]!.GetValue<bool>());
        }

        Assert.Equal(figures.All(f => f["holds"]!.GetValue<bool>()) ? 0 : 1, code);
    }
}
