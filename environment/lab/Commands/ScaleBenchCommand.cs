using System.CommandLine;
using System.Text.Json;
using Spectre.Console;
using UnetResnet.Lab.Benchmarks;
using UnetResnet.Runtime;

namespace UnetResnet.Lab.Commands;

/// <summary><c>lab bench scale</c>: steps per second of the exported train.py with one process and with two on this machine, and how far their losses are apart.</summary>
internal static class ScaleBenchCommand
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public static Command Create(IProgress<string> progress)
    {
        var side = new Option<int>("--side") { Description = "Side of the images, divisible by 32.", DefaultValueFactory = _ => 96 };
        var batch = new Option<int>("--batch") { Description = "Images of a batch, of all processes together.", DefaultValueFactory = _ => 10 };
        var steps = new Option<int>("--steps") { Description = $"Training steps of each run; the first {ScaleBenchmark.Warmup} are not timed.", DefaultValueFactory = _ => 24 };
        var only = new Option<string>("--only") { Description = $"What batch norm normalises by, separated by commas; all where empty. Known: {string.Join(", ", ScaleBenchmark.Statistics.Keys)}.", DefaultValueFactory = _ => "" };
        var json = new Option<bool>("--json") { Description = "Print one JSON document on stdout and nothing else." };
        side.Validators.Add(result => { if (result.GetValueOrDefault<int>() is var value && (value < 32 || value % 32 != 0)) result.AddError($"--side is {value} and must be divisible by 32: a U-Net on ResNet50 halves it five times."); });
        batch.Validators.Add(result => { if (result.GetValueOrDefault<int>() < 2) result.AddError("--batch must be at least 2, one image for each process."); });
        steps.Validators.Add(result => { if (result.GetValueOrDefault<int>() < 1) result.AddError("--steps must be at least 1."); });
        var command = new Command("scale", "Trains the exported network in PyTorch with one process and with two: steps per second, and the difference of the losses.") { side, batch, steps, only, json };
        command.SetAction(parsed =>
        {
            TorchRuntime.Initialize();
            string[] named = parsed.GetValue(only)!.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            try
            {
                if (named.FirstOrDefault(n => !ScaleBenchmark.Statistics.ContainsKey(n)) is { } unknown)
                    throw new InvalidOperationException($"There are no statistics '{unknown}'. Known: {string.Join(", ", ScaleBenchmark.Statistics.Keys)}.");
                ScaleResult result = ScaleBenchmark.Run(parsed.GetValue(side), parsed.GetValue(batch), parsed.GetValue(steps), named.Length > 0 ? named : [.. ScaleBenchmark.Statistics.Keys], progress);
                if (parsed.GetValue(json)) Console.WriteLine(JsonSerializer.Serialize(Document(result), Indented));
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
