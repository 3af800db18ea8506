using System.Diagnostics;
using System.Text.Json.Serialization;
using UnetResnet.Models;
using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>
/// The rate of each layer of the U-Net beside two of the same run (Williams, Waterman, Patterson 2009: "Roofline"): that of a large convolution, or that of a memory copy where a layer
/// has too few operations for each byte. A layer whose maps stay in the caches can be above the second. And how the cost grows.
/// </summary>
internal static class RooflineBenchmark
{
    /// <summary>Measures the layers of a network in inference mode, layer by layer, and the machine in between.</summary>
    /// <param name="width">Width of the encoder.</param>
    /// <param name="side">Side of the images.</param>
    /// <param name="batch">Images of a batch.</param>
    /// <param name="rounds">How often everything is measured; the best of each counts, as a ceiling is one.</param>
    public static RooflineResult Layers(int width, int side, int batch, int rounds)
    {
        using var memory = new NativeMemory();
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        TorchRuntime.Seed(0);
        Tensor images = randn(batch, 3, side, side) * 60;
        using UNetResNet50 unet = StepBenchmark.Settled(width, images);
        unet.eval();
        using var machine = new MachineCeilings();
        var work = new Dictionary<string, LayerWork>();
        var best = new Dictionary<string, double>();
        Action unwatch = Watch(unet, (layer, milliseconds) => best[layer.Name] = Math.Min(best.GetValueOrDefault(layer.Name, double.MaxValue), milliseconds), work);
        for (int round = 0; round <= rounds; round++)
        {
            if (round == 1) best.Clear();
            unet.call(images).Dispose();
            machine.Measure();
        }

        unwatch();
        double whole = double.MaxValue;
        for (int round = 0; round <= rounds; round++) whole = Math.Min(whole, Samples.Time(() => unet.Predict(images).Dispose()));
        long flop = work.Values.Sum(layer => layer.Flop);
        return new RooflineResult(
            width, side, batch, machine.Float32, machine.BFloat16, machine.GigabytesPerSecond, flop / 1e9, whole, flop / whole / 1e6,
            [.. work.Values.Select(layer => LayerRate.Of(layer, best[layer.Name], machine))]);
    }

    /// <summary>Milliseconds of a frozen training step and of inference as one of the sizes grows, the others as given.</summary>
    /// <param name="width">Width of the encoder.</param>
    /// <param name="side">Side of the images.</param>
    /// <param name="batch">Images of a batch.</param>
    /// <param name="rounds">How often everything is measured.</param>
    /// <param name="progress">Told what is measured.</param>
    public static IReadOnlyDictionary<string, IReadOnlyList<GrowthPoint>> Growth(int width, int side, int batch, int rounds, IProgress<string> progress)
    {
        GrowthPoint Point(string what, int value, int w, int s, int b)
        {
            progress.Report($"{what} {value}");
            StepResult result = StepBenchmark.Run(w, s, b, rounds, ["frozen", "infer"], withPeers: false, progress);
            return new GrowthPoint(value, result.Steps["frozen"]!.Median, result.Steps["infer"]!.Median);
        }

        return new Dictionary<string, IReadOnlyList<GrowthPoint>>
        {
            ["width"] = [.. new[] { 1, 2, 4 }.Select(n => Point("width", n * width, n * width, side, batch))],
            ["side"] = [.. new[] { 1, 2, 3 }.Select(n => Point("side", n * side, width, n * side, batch))],
            ["batch"] = [.. new[] { 1, 2, 4 }.Select(n => Point("batch", n * batch, width, side, n * batch))],
            ["images"] = Images(width, side, batch, rounds),
        };
    }

    /// <summary>More images in batches of one size.</summary>
    private static IReadOnlyList<GrowthPoint> Images(int width, int side, int batch, int rounds)
    {
        using var memory = new NativeMemory();
        using var scope = NewDisposeScope();
        TorchRuntime.Seed(0);
        Tensor images = randn(batch, 3, side, side) * 60;
        using UNetResNet50 unet = StepBenchmark.Settled(width, images);
        unet.Predict(images).Dispose();
        double Epoch(int batches) => Samples.Of([.. Enumerable.Range(0, rounds).Select(_ => Samples.Time(() =>
        {
            for (int i = 0; i < batches; i++) unet.Predict(images).Dispose();
        }))]).Median;
        return [.. new[] { 1, 2, 4 }.Select(n => new GrowthPoint(n * batch, null, Epoch(n)))];
    }

    /// <summary>Reports every layer's work and time; calling the result ends it.</summary>
    private static Action Watch(Module<Tensor, Tensor> network, Action<LayerWork, double> report, Dictionary<string, LayerWork> work)
    {
        Action remove = () => { };
        foreach ((string name, Module module) in network.named_modules().Where(m => m.module is Module<Tensor, Tensor> && !m.module.children().Any()).DistinctBy(m => m.module, ReferenceEqualityComparer.Instance))
        {
            var layer = (Module<Tensor, Tensor>)module;
            long started = 0;
            remove += layer.register_forward_pre_hook((_, input) =>
            {
                started = Stopwatch.GetTimestamp();
                return input;
            }).remove;
            remove += layer.register_forward_hook((_, input, output) =>
            {
                double milliseconds = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
                if (LayerWork.Of(name, layer, input.shape, output.shape) is { } done) report(work[name] = done, milliseconds);
                return output;
            }).remove;
        }

        return remove;
    }
}

/// <summary>The best of several measurements in this run: the rates of a large convolution, and of a memory copy.</summary>
internal sealed class MachineCeilings : IDisposable
{
    private readonly Ceiling float32Convolution = new();
    private readonly Ceiling? bfloat16Convolution = Processor.WithoutBFloat16 is null ? new Ceiling(bfloat16) : null;
    private readonly Tensor from = zeros(CopiedNumbers).DetachFromDisposeScope(), to = zeros(CopiedNumbers).DetachFromDisposeScope();
    private double copy = double.MaxValue;

    // 128 MB, more than any cache holds.
    private const long CopiedNumbers = 32 << 20;

    /// <summary>GFLOP/s of a large 3×3 convolution in float32.</summary>
    public double Float32 => float32Convolution.GigaflopPerSecond;

    /// <summary>The same in bfloat16; null where the processor does not have it.</summary>
    public double? BFloat16 => bfloat16Convolution?.GigaflopPerSecond;

    /// <summary>GB/s of a copy, reading and writing counted.</summary>
    public double GigabytesPerSecond => 2 * 4 * CopiedNumbers / copy / 1e6;

    /// <summary>Measures once more.</summary>
    public void Measure()
    {
        float32Convolution.Measure();
        bfloat16Convolution?.Measure();
        copy = Math.Min(copy, Samples.Time(() => to.copy_(from)));
    }

    public void Dispose()
    {
        float32Convolution.Dispose();
        bfloat16Convolution?.Dispose();
        from.Dispose();
        to.Dispose();
    }
}

/// <summary>Figures of <see cref="RooflineBenchmark.Layers"/>.</summary>
internal sealed record RooflineResult(
    [property: JsonPropertyName("width")] int Width,
    [property: JsonPropertyName("side")] int Side,
    [property: JsonPropertyName("batch")] int Batch,
    [property: JsonPropertyName("float32_gflops")] double Float32Gflops,
    [property: JsonPropertyName("bfloat16_gflops")] double? BFloat16Gflops,
    [property: JsonPropertyName("gb_per_s")] double GigabytesPerSecond,
    [property: JsonPropertyName("network_gflop")] double NetworkGflop,
    [property: JsonPropertyName("infer_ms")] double InferMs,
    [property: JsonPropertyName("infer_gflops")] double InferGflops,
    [property: JsonPropertyName("layers")] IReadOnlyList<LayerRate> Layers)
{
    [JsonPropertyName("growth"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, IReadOnlyList<GrowthPoint>>? Growth { get; init; }
}

/// <summary>A layer's rate beside the roof above it.</summary>
internal sealed record LayerRate(
    [property: JsonPropertyName("name")] string Name,
    [property: JsonPropertyName("kind")] string Kind,
    [property: JsonPropertyName("flop")] long Flop,
    [property: JsonPropertyName("bytes")] long Bytes,
    [property: JsonPropertyName("flop_per_byte")] double Intensity,
    [property: JsonPropertyName("ms")] double Ms,
    [property: JsonPropertyName("gflops")] double Gflops,
    [property: JsonPropertyName("roof_gflops")] double RoofGflops)
{
    /// <summary>Combines a layer's work with its time.</summary>
    public static LayerRate Of(LayerWork work, double milliseconds, MachineCeilings machine) => new(
        work.Name, work.Kind, work.Flop, work.Bytes, work.Intensity, milliseconds, work.Flop / milliseconds / 1e6, Roof(work.Intensity, machine.Float32, machine.GigabytesPerSecond));

    /// <summary>The highest rate that a layer of an intensity can have.</summary>
    /// <param name="intensity">Operations for each byte.</param>
    /// <param name="gigaflopPerSecond">Of arithmetic.</param>
    /// <param name="gigabytesPerSecond">Of memory.</param>
    public static double Roof(double intensity, double gigaflopPerSecond, double gigabytesPerSecond) => Math.Min(gigaflopPerSecond, intensity * gigabytesPerSecond);
}

/// <summary>Milliseconds at one size; null where a step was not measured.</summary>
internal sealed record GrowthPoint(
    [property: JsonPropertyName("value")] int Value,
    [property: JsonPropertyName("frozen_ms")] double? FrozenMs,
    [property: JsonPropertyName("infer_ms")] double InferMs);
