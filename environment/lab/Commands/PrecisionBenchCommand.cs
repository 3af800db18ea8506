using System.CommandLine;
using Spectre.Console;
using UnetResnet.Lab.Benchmarks;
using UnetResnet.Runtime;
using UnetResnet.Training;

namespace UnetResnet.Lab.Commands;

/// <summary><c>lab bench precision</c>: the same trainings in float32 and in bfloat16.</summary>
internal static class PrecisionBenchCommand
{
    public static Command Create(IProgress<string> progress)
    {
        Option<int> seeds = BenchOptions.Count("--seeds", "How many seeds, from 0.", 3);
        Option<string> preset = BenchOptions.Preset();
        var epochs = new Option<int?>("--epochs") { Description = "Epochs instead of the preset's." };
        Option<bool> json = BenchOptions.Json();
        var command = new Command("precision", "Validation scores after the same training in float32 and in bfloat16.") { seeds, preset, epochs, json };
        command.SetAction((parsed, cancellation) =>
        {
            TorchRuntime.Initialize();
            ComputePrecision.Require(Processor.WithoutBFloat16);
            Preset chosen = Preset.FromName(parsed.GetRequiredValue(preset));
            if (parsed.GetValue(epochs) is int count) chosen = chosen with { Epochs = count };
            var results = new List<PrecisionResult>();
            for (int seed = 0; seed < parsed.GetValue(seeds); seed++)
            {
                progress.Report($"seed {seed}");
                results.Add(PrecisionBenchmark.Run(chosen, seed, cancellation));
            }

            if (parsed.GetValue(json)) BenchOptions.Print(results);
            else Write(results);
            return Task.FromResult(0);
        });
        return command;
    }

    private static void Write(List<PrecisionResult> results)
    {
        var table = new Table().AddColumns("seed", "IoU float32", "IoU bfloat16", "difference", "seconds float32", "seconds bfloat16");
        foreach (PrecisionResult r in results)
            table.AddRow($"{r.Seed}", NumberText.Fixed(r.Float32IoU, 4), NumberText.Fixed(r.BFloat16IoU, 4), NumberText.Fixed(r.BFloat16IoU - r.Float32IoU, 4), NumberText.Fixed(r.Float32Seconds, 1), NumberText.Fixed(r.BFloat16Seconds, 1));
        AnsiConsole.Write(table);
    }
}
