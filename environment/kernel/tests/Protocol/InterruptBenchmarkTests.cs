using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Cellar.Tests.Protocol;

/// <summary>A tenth of what <c>lab bench interrupts</c> does by itself. How long an interrupt takes depends on what else the machine does, and is judged there.</summary>
[Collection("kernels")]
public sealed class InterruptBenchmarkTests
{
    [Fact]
    public void Two_hundred_interrupts_of_busy_cells_kill_hang_and_lose_nothing()
    {
        using Process process = Process.Start(new ProcessStartInfo("dotnet", [typeof(UnetResnet.Lab.Commands.RunCommand).Assembly.Location, "bench", "interrupts", "--count", "200", "--patience", "120", "--json"]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        (int code, string output, string errors) = JupyterFixture.Finish(process);
        JsonObject result = (JsonNode.Parse(output) ?? throw new InvalidOperationException(errors)).AsObject();
        Assert.Equal(["tried", "died", "hung", "lost_variables", "p95_ms"], result.Select(p => p.Key));
        int Count(string key) => result[key]!.GetValue<int>();
        Assert.True((Count("tried"), Count("died"), Count("hung"), Count("lost_variables")) == (200, 0, 0, 0), output + errors);
        double p95 = result["p95_ms"]!.GetValue<double>();
        Assert.InRange(p95, 0.01, 120_000);
        Assert.Equal(p95 < 150 ? 0 : 1, code);
    }
}
