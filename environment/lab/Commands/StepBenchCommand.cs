using System.CommandLine;
using Spectre.Console;
using UnetResnet.Lab.Benchmarks;
using UnetResnet.Runtime;

namespace UnetResnet.Lab.Commands;

/// <summary><c>lab bench train</c> and <c>lab bench infer</c>: milliseconds of a step, beside PyTorch where it is installed.</summary>
internal static class StepBenchCommand
{
    public static Command Train(IProgress<string> progress) =>
        Create("train", "Milliseconds of a training step and of inference, beside PyTorch and ONNX Runtime.", StepBenchmark.Names, progress);

    public static Command Infer(IProgress<string> progress) => Create("infer", "Milliseconds of inference, beside PyTorch and ONNX Runtime.", ["infer", "infer_bf16"], progress);

    private static Command Create(string name, string description, IReadOnlyList<string> steps, IProgress<string> progress)
    {
        var width = new Option<int>("--width") { Description = "Width of the encoder, a multiple of 16.", DefaultValueFactory = _ => 16 };
        Option<int> side = BenchOptions.Side(96);
        Option<int> batch = BenchOptions.Count("--batch", "Images of a batch.", 10);
        Option<int> rounds = BenchOptions.Count("--rounds", "Turns of each step. A turn measures it for 150 ms, at least once.", 7);
        Option<string[]> only = BenchOptions.Names("--only", "Names of steps", steps);
        var noPeers = new Option<bool>("--no-peers") { Description = "Leave PyTorch and ONNX Runtime out." };
        var convolutions = new Option<bool>("--convolutions") { Description = "Also run each step in a process of its own and print how long its convolutions take." };
        Option<bool> json = BenchOptions.Json();
        var command = new Command(name, description) { width, side, batch, rounds, only, noPeers, convolutions, json };
        command.SetAction(parsed =>
        {
            TorchRuntime.Initialize();
            StepResult result = StepBenchmark.Run(parsed.GetValue(width), parsed.GetValue(side), parsed.GetValue(batch), parsed.GetValue(rounds), parsed.GetRequiredValue(only), !parsed.GetValue(noPeers), progress);
            if (parsed.GetValue(convolutions))
            {
                string[] measured = [.. result.Steps.Where(step => step.Value is not null).Select(step => step.Key)];
                result = result with { Convolutions = measured.ToDictionary(step => step, step => ConvolutionProfile.Milliseconds(step, result.Width, result.Side, result.Batch, parsed.GetValue(rounds))) };
            }

            if (parsed.GetValue(json)) BenchOptions.Print(Document(result));
            else Write(result);
        });
        return command;
    }

    /// <summary>Medians under "ms" and "peer_ms", and beside them the lowest and highest; "direct_ms" is what a step's convolutions take at the best rate without tiles.</summary>
    internal static Dictionary<string, object?> Document(StepResult result)
    {
        static Dictionary<string, double?> Of(IReadOnlyDictionary<string, Samples?> samples, Func<Samples, double> figure) =>
            samples.ToDictionary(s => s.Key, s => s.Value is { } value ? Math.Round(figure(value), 2) : (double?)null);
        return new()
        {
            ["width"] = result.Width,
            ["side"] = result.Side,
            ["batch"] = result.Batch,
            ["ceiling_gflops"] = Math.Round(result.CeilingGflops, 1),
            ["ceiling_bf16_gflops"] = result.CeilingBFloat16Gflops is double low ? Math.Round(low, 1) : null,
            ["peak_mb"] = Math.Round(result.PeakMb),
            ["ms"] = Of(result.Steps, s => s.Median),
            ["ms_min"] = Of(result.Steps, s => s.Min),
            ["ms_max"] = Of(result.Steps, s => s.Max),
            ["direct_ms"] = result.Direct.ToDictionary(d => d.Key, d => d.Value is double direct ? Math.Round(direct, 2) : (double?)null),
            ["convolution_ms"] = result.Convolutions?.ToDictionary(c => c.Key, c => Math.Round(c.Value, 2)),
            ["peer_ms"] = Of(result.Peers, s => s.Median),
            ["peer_ms_min"] = Of(result.Peers, s => s.Min),
            ["peer_ms_max"] = Of(result.Peers, s => s.Max),
            ["onnxruntime_ms"] = result.OnnxRuntime is { } onnx ? Math.Round(onnx.Median, 2) : null,
        };
    }

    private static void Write(StepResult result)
    {
        var table = new Table().AddColumns("step", "ms", "from to", "direct", "PyTorch ms", "from to", "times PyTorch");
        foreach ((string name, Samples? own) in result.Steps.Where(s => s.Value is not null))
        {
            Samples? peer = result.Peers.GetValueOrDefault(name);
            table.AddRow(name, Number(own!.Median), $"{Number(own.Min)}–{Number(own.Max)}", result.Direct[name] is double direct ? Number(direct) : "", peer is null ? "" : Number(peer.Median), peer is null ? "" : $"{Number(peer.Min)}–{Number(peer.Max)}", peer is null ? "" : NumberText.Fixed(peer.Median / own.Median, 2));
        }

        AnsiConsole.Write(table);
        if (result.OnnxRuntime is { } onnx) AnsiConsole.WriteLine($"infer by ONNX Runtime, batch norm folded: {Number(onnx.Median)} ms ({Number(onnx.Min)}–{Number(onnx.Max)})");
        if (result.Convolutions is { } convolutions) AnsiConsole.WriteLine($"convolutions alone, in ms: {string.Join(", ", convolutions.Select(c => $"{c.Key} {Number(c.Value)}"))}");
        AnsiConsole.WriteLine("direct: the step's convolutions at the rate of a large one, without tiles");
        AnsiConsole.WriteLine($"width {result.Width}, {result.Side}×{result.Side}, batch {result.Batch}; a large 3×3 convolution reaches {Number(result.CeilingGflops)} GFLOP/s here{(result.CeilingBFloat16Gflops is double low ? $" and {Number(low)} in bfloat16" : "")}; at most {Number(result.PeakMb)} MB resident");
    }

    private static string Number(double value) => NumberText.Fixed(value, value < 100 ? 1 : 0);
}
