using System.CommandLine;
using Spectre.Console;
using UnetResnet.Lab.Benchmarks;
using UnetResnet.Runtime;
using UnetResnet.Training;

namespace UnetResnet.Lab.Commands;

/// <summary><c>lab bench collapse</c>: the collapse and its cures for several seeds.</summary>
internal static class CollapseBenchCommand
{
    public static Command Create(IProgress<string> progress)
    {
        Option<int> seeds = BenchOptions.Count("--seeds", "How many seeds, from 0.", 5);
        Option<string> preset = BenchOptions.Preset();
        Option<bool> json = BenchOptions.Json();
        var picture = new Option<FileInfo?>("--picture") { Description = "Also draw four masks of seed 0, broken and recalibrated, into this PNG file." };
        var command = new Command("collapse", "Collapse and cure for several seeds.") { seeds, preset, json, picture };
        command.SetAction((result, cancellation) =>
        {
            TorchRuntime.Initialize();
            Preset chosen = Preset.FromName(result.GetValue(preset)!);
            CollapseResult[] runs = [.. Enumerable.Range(0, result.GetValue(seeds)).Select(seed => CollapseBenchmark.Run(
                chosen, seed, progress, cancellation, seed == 0 && result.GetValue(picture) is { } file ? png => AtomicFile.Write(file.FullName, stream => stream.Write(png)) : null))];
            if (result.GetValue(json)) BenchOptions.Print(runs);
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
}
