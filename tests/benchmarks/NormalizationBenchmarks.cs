using BenchmarkDotNet.Attributes;
using UnetResnet.Lab.Benchmarks;
using UnetResnet.Models;
using UnetResnet.Normalization;
using static TorchSharp.torch;

namespace UnetResnet.Benchmarks;

/// <summary>One batch-norm layer in every mode, forward, on a map of the encoder's first stage.</summary>
public class NormalizationModes
{
    private readonly ModalBatchNorm2d layer = new(64);
    private readonly Tensor map = randn(8, 32, 32, 64).permute(0, 3, 1, 2);

    [ParamsAllValues]
    public BatchNormMode Mode { get; set; }

    [GlobalSetup]
    public void Prepare()
    {
        layer.Mode = Mode;
        layer.train();
    }

    [Benchmark]
    public void Forward()
    {
        using var scope = NewDisposeScope();
        layer.call(map);
    }
}

/// <summary>Folding, recalibration and pooled statistics on the encoder at width 16.</summary>
public class Statistics
{
    private readonly Tensor images = randn(8, 3, 96, 96) * 60;
    private readonly UNetResNet50 unet;

    public Statistics() => unet = StepBenchmark.Settled(16, images);

    [Benchmark(Baseline = true, Description = "folded forward pass of the encoder")]
    public void Folded()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        unet.eval();
        unet.Encoder.call(images);
    }

    [Benchmark(Description = "recalibration of the encoder on the same images")]
    public long Recalibrated() => Recalibration.Apply(unet.Encoder, [images]);

    [Benchmark(Description = "folding for good, and back")]
    public int FoldedForGood()
    {
        Folding.Apply(unet, images, only: unet.Encoder);
        return Folding.Undo(unet);
    }

    [Benchmark(Description = "pooled statistics of one map")]
    public long Pooled()
    {
        using var statistics = new PooledStatistics(3);
        statistics.Add(images);
        return statistics.Count;
    }
}
