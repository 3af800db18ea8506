using System.CommandLine;
using Spectre.Console;
using UnetResnet.Lab.Benchmarks;
using UnetResnet.Runtime;

namespace UnetResnet.Lab.Commands;

/// <summary><c>lab bench scale</c>: steps per second of the exported train.py with one process and with two on this machine, and how far their losses are apart.</summary>
internal static class ScaleBenchCommand
{
    public static Command Create(IProgress<string> progress)
    {
        Option<int> side = BenchOptions.Side(96);
        Option<int> batch = BenchOptions.Count("--batch", "Images of a batch, of all processes together; each has one at least.", 10, least: 2);
        Option<int> steps = BenchOptions.Count("--steps", $"Training steps of each run; the first {ScaleBenchmark.Warmup} are not timed.", 24);
        Option<string[]> only = BenchOptions.Names("--only", "What batch norm normalises by", [.. ScaleBenchmark.Statistics.Keys]);
        Option<bool> json = BenchOptions.Json();
        var command = new Command("scale", "Trains the exported network in PyTorch with one process and with two: steps per second, and the difference of the losses.") { side, batch, steps, only, json };
        command.SetAction(parsed =>
        {
            TorchRuntime.Initialize();
            try
            {
                ScaleResult result = ScaleBenchmark.Run(parsed.GetValue(side), parsed.GetValue(batch), parsed.GetValue(steps), parsed.GetRequiredValue(only), progress);
                if (parsed.GetValue(json)) BenchOptions.Print(Document(result));
                else Write(result);
                return 0;
            }
            catch (InvalidOperationException e)
            {
                Console.Error.WriteLine(e.Message);
                return 1;
            }
        });
        return command;
    }

    private static Dictionary<string, object> Document(ScaleResult result) => new()
    {
        ["width"] = result.Width,
        ["side"] = result.Side,
        ["batch"] = result.Batch,
        ["steps"] = result.Steps,
        ["cores"] = result.Cores,
        ["gradient_mb"] = Math.Round(result.GradientMb, 2),
        ["runs"] = result.Runs.Select(run => new Dictionary<string, object>
        {
            ["statistics"] = run.Statistics,
            ["processes"] = run.Processes,
            ["threads"] = run.Threads,
            ["steps_per_second"] = Math.Round(run.StepsPerSecond, 2),
            ["ms"] = Math.Round(run.Step.Median, 2),
            ["ms_min"] = Math.Round(run.Step.Min, 2),
            ["ms_max"] = Math.Round(run.Step.Max, 2),
            ["wait_ms"] = Math.Round(run.WaitMilliseconds, 2),
            ["loss_difference_first"] = run.FirstLossDifference,
            ["loss_difference_largest"] = run.LargestLossDifference,
        }).ToArray(),
    };

    private static void Write(ScaleResult result)
    {
        var table = new Table().AddColumns("batch norm normalises by", "processes", "threads of each", "steps/s", "ms", "from to", "ms waited for images", "loss, first step", "loss, largest");
        foreach (ScaleRun run in result.Runs)
        {
            table.AddRow(
                $"{run.Statistics} statistics", $"{run.Processes}", $"{run.Threads}", NumberText.Fixed(run.StepsPerSecond, 2), NumberText.Fixed(run.Step.Median, 0), $"{NumberText.Fixed(run.Step.Min, 0)}–{NumberText.Fixed(run.Step.Max, 0)}", NumberText.Fixed(run.WaitMilliseconds, 1),
                NumberText.Short(run.FirstLossDifference), NumberText.Short(run.LargestLossDifference));
        }

        AnsiConsole.Write(table);
        AnsiConsole.WriteLine($"width {result.Width}, {result.Side}×{result.Side}, batch {result.Batch} of all processes together, {result.Steps} steps, {result.Cores} cores; the processes exchange {NumberText.Fixed(result.GradientMb, 1)} MB of gradients a step");
        AnsiConsole.WriteLine("losses: difference from the first line of the same statistics");
    }
}
