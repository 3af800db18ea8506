using System.CommandLine;
using Spectre.Console;
using UnetResnet.Lab.Benchmarks;
using UnetResnet.Notebooks;
using UnetResnet.Runtime;

namespace UnetResnet.Lab.Commands;

/// <summary><c>lab bench roofline</c>: every layer's rate beside those of a large convolution and of a memory copy, and how the cost grows.</summary>
internal static class RooflineBenchCommand
{
    public static Command Create(IProgress<string> progress)
    {
        var width = new Option<int>("--width") { Description = "Width of the encoder, a multiple of 16.", DefaultValueFactory = _ => 16 };
        Option<int> side = BenchOptions.Side(96);
        Option<int> batch = BenchOptions.Count("--batch", "Images of a batch.", 8);
        Option<int> rounds = BenchOptions.Count("--rounds", "How often everything is measured.", 7);
        var noGrowth = new Option<bool>("--no-growth") { Description = "Leave out how the cost grows with width, side, batch and images." };
        var chart = new Option<FileInfo?>("--chart") { Description = "PNG file for a chart of the layers and the roof." };
        Option<bool> json = BenchOptions.Json();
        var command = new Command("roofline", "FLOP, bytes and rate of every layer beside the rates of a large convolution and of a memory copy in the same run, and how the cost grows.") { width, side, batch, rounds, noGrowth, chart, json };
        command.SetAction(parsed =>
        {
            TorchRuntime.Initialize();
            (int w, int s, int b, int n) = (parsed.GetValue(width), parsed.GetValue(side), parsed.GetValue(batch), parsed.GetValue(rounds));
            RooflineResult result = RooflineBenchmark.Layers(w, s, b, n);
            if (!parsed.GetValue(noGrowth)) result = result with { Growth = RooflineBenchmark.Growth(w, s, b, n, progress) };
            if (parsed.GetValue(chart) is { } file) AtomicFile.Write(file.FullName, stream => stream.Write(ChartPicture.Png(RooflineChart.Of(result))));
            if (parsed.GetValue(json)) BenchOptions.Print(result);
            else Write(result);
        });
        return command;
    }

    private static void Write(RooflineResult result)
    {
        var table = new Table().AddColumns("kind", "layers", "GFLOP", "MB", "ms", "GFLOP/s", "of the roof");
        foreach (var kind in result.Layers.GroupBy(layer => layer.Kind).OrderByDescending(kind => kind.Sum(layer => layer.Ms)))
        {
            double milliseconds = kind.Sum(layer => layer.Ms), atTheRoof = kind.Sum(layer => layer.Flop / layer.RoofGflops / 1e6);
            table.AddRow(kind.Key, NumberText.Short(kind.Count()), NumberText.Fixed(kind.Sum(layer => layer.Flop) / 1e9, 2), NumberText.Fixed(kind.Sum(layer => layer.Bytes) / 1e6, 0), NumberText.Fixed(milliseconds, 1),
                NumberText.Fixed(kind.Sum(layer => layer.Flop) / milliseconds / 1e6, 1), NumberText.Percent(atTheRoof / milliseconds));
        }

        AnsiConsole.Write(table);
        AnsiConsole.WriteLine($"a large convolution: {NumberText.Fixed(result.Float32Gflops, 0)} GFLOP/s in float32{(result.BFloat16Gflops is double low ? $", {NumberText.Fixed(low, 0)} in bfloat16" : "")}; a memory copy: {NumberText.Fixed(result.GigabytesPerSecond, 1)} GB/s, which maps that stay in the caches can exceed");
        AnsiConsole.WriteLine($"the network, as Predict computes it: {NumberText.Fixed(result.InferMs, 1)} ms for {NumberText.Fixed(result.NetworkGflop, 2)} GFLOP as the layers count, {NumberText.Fixed(result.InferGflops, 0)} GFLOP/s");
        foreach ((string what, IReadOnlyList<GrowthPoint> points) in result.Growth ?? new Dictionary<string, IReadOnlyList<GrowthPoint>>())
            AnsiConsole.WriteLine($"{what}: {string.Join("; ", points.Select(p => $"{p.Value}: {(p.FrozenMs is double frozen ? $"step {NumberText.Fixed(frozen, 1)} ms, " : "")}inference {NumberText.Fixed(p.InferMs, 1)} ms"))}");
    }
}
