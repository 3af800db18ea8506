using System.CommandLine;
using System.Text.Json;
using Spectre.Console;
using UnetResnet.Lab.Benchmarks;
using UnetResnet.Runtime;
using UnetResnet.Training;

namespace UnetResnet.Lab.Commands;

/// <summary><c>lab bench</c>: programs that print the figures of README and notebooks. With <c>--json</c> one document on stdout and nothing else.</summary>
internal static class BenchCommand
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public static Command Create() => new("bench", "Measure: prints the figures that README and notebooks quote.") { Collapse() };

    private static Command Collapse()
    {
        var seeds = new Option<int>("--seeds") { Description = "How many seeds, from 0.", DefaultValueFactory = _ => 5 };
        var preset = new Option<string>("--preset") { Description = "quick or full.", DefaultValueFactory = _ => "quick" };
        var json = new Option<bool>("--json") { Description = "Print one JSON document on stdout and nothing else." };
        var command = new Command("collapse", "Collapse and cure for several seeds.") { seeds, preset, json };
        command.SetAction((result, cancellation) =>
        {
            TorchRuntime.Initialize();
            var progress = new ErrorStreamProgress();
            Preset chosen = Preset.FromName(result.GetValue(preset)!);
            CollapseResult[] runs = [.. Enumerable.Range(0, result.GetValue(seeds)).Select(seed => CollapseBenchmark.Run(chosen, seed, progress, cancellation))];
            if (result.GetValue(json)) Console.WriteLine(JsonSerializer.Serialize(runs, Indented));
            else AnsiConsole.Write(Table(runs));
            return Task.FromResult(0);
        });
        return command;
    }

    private static Table Table(IEnumerable<CollapseResult> runs)
    {
        var table = new Table().AddColumns("seed", "broken: train loss", "val loss best (epoch)", "val loss final", "train IoU", "val IoU", "train images, inference: loss / IoU", "cured: val loss / IoU", "train, inference", "recalibrated: val loss / IoU");
        foreach (CollapseResult r in runs)
        {
            table.AddRow(
                $"{r.Seed}", $"{r.Broken.TrainLoss:0.000}", $"{r.Broken.ValLossBest:0.000} ({r.Broken.BestEpoch})", $"{r.Broken.ValLossFinal:0.000}", $"{r.Broken.TrainIoU:0.000}", $"{r.Broken.ValIoU:0.000}",
                $"{r.Broken.TrainInferenceLoss:0.000} / {r.Broken.TrainInferenceIoU:0.000}", $"{r.Inference.ValLoss:0.000} / {r.Inference.ValIoU:0.000}", $"{r.Inference.TrainInferenceLoss:0.000}",
                $"{r.Recalibrated.ValLoss:0.000} / {r.Recalibrated.ValIoU:0.000}");
        }

        return table;
    }

    /// <summary>Progress that leaves stdout to the result.</summary>
    private sealed class ErrorStreamProgress : IProgress<string>
    {
        public void Report(string value) => Console.Error.WriteLine(value);
    }
}
