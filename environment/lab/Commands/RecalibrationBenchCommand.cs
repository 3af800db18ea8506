using System.CommandLine;
using Spectre.Console;
using UnetResnet.Lab.Benchmarks;
using UnetResnet.Runtime;

namespace UnetResnet.Lab.Commands;

/// <summary><c>lab bench recalibration</c>: milliseconds of a recalibration beside folded forward passes.</summary>
internal static class RecalibrationBenchCommand
{
    public static Command Create(IProgress<string> progress)
    {
        var width = new Option<int>("--width") { Description = "Width of the encoder, a multiple of 16.", DefaultValueFactory = _ => 16 };
        Option<int> side = BenchOptions.Side(96);
        Option<int> batch = BenchOptions.Count("--batch", "Images of a batch.", 10);
        Option<int> images = BenchOptions.Count("--images", "Images in all.", 100);
        Option<int> rounds = BenchOptions.Count("--rounds", "How often both are measured.", 25);
        Option<bool> json = BenchOptions.Json();
        var command = new Command("recalibration", "Milliseconds of a recalibration of the encoder, beside folded forward passes of the same images.") { width, side, batch, images, rounds, json };
        command.SetAction(parsed =>
        {
            TorchRuntime.Initialize();
            RecalibrationResult result = RecalibrationBenchmark.Run(parsed.GetValue(width), parsed.GetValue(side), parsed.GetValue(batch), parsed.GetValue(images), parsed.GetValue(rounds), progress);
            if (parsed.GetValue(json)) BenchOptions.Print(result);
            else Write(result);
        });
        return command;
    }

    private static void Write(RecalibrationResult result)
    {
        static string Of(Samples samples) => $"{NumberText.Fixed(samples.Median, 1)} ms ({NumberText.Fixed(samples.Min, 1)}–{NumberText.Fixed(samples.Max, 1)})";
        AnsiConsole.WriteLine($"width {result.Width}, {result.Side}×{result.Side}, {result.Images} images in batches of {result.Batch}: folded passes {Of(result.FoldedMs)}, recalibration {Of(result.RecalibratedMs)}, {NumberText.Fixed(result.Ratio.Median, 2)} times as long by the median of the rounds ({NumberText.Fixed(result.Ratio.Min, 2)}–{NumberText.Fixed(result.Ratio.Max, 2)})");
    }
}
