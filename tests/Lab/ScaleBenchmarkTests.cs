using System.Text.Json;
using UnetResnet.Lab.Commands;
using UnetResnet.Tests.Weights;

namespace UnetResnet.Tests.Lab;

public class ScaleBenchmarkTests
{
    [PythonTheory("torch, numpy, PIL")]
    [InlineData("running")]
    public void One_process_and_two_are_timed_and_their_losses_compared(string statistics)
    {
        (int code, string text, string error) = CommandRun.Of(ScaleBenchCommand.Create(new Progress<string>()), "--side", "32", "--batch", "4", "--steps", "4", "--only", statistics, "--json");
        Assert.True(code == 0, error);
        using JsonDocument document = JsonDocument.Parse(text);
        JsonElement[] runs = [.. document.RootElement.GetProperty("runs").EnumerateArray()];
        Assert.Equal([1, 1, 2], runs.Select(r => r.GetProperty("processes").GetInt32()));
        Assert.All(runs, run =>
        {
            Assert.Equal(1000, run.GetProperty("ms").GetDouble() * run.GetProperty("steps_per_second").GetDouble(), 50.0);
            Assert.InRange(run.GetProperty("loss_difference_first").GetDouble(), 0, 1e-5);
        });
    }
}
