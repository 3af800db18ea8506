using System.Diagnostics;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>How long one thing took, measured several times.</summary>
/// <param name="Median">The middle one.</param>
/// <param name="Min">The lowest.</param>
/// <param name="Max">The highest.</param>
internal sealed record Samples(double Median, double Min, double Max)
{
    /// <summary>Of some measurements, at least one.</summary>
    public static Samples Of(IReadOnlyList<double> times) => new(CureCharts.Median(times), times.Min(), times.Max());

    /// <summary>Milliseconds that an action takes once.</summary>
    public static double Time(Action action)
    {
        var watch = Stopwatch.StartNew();
        action();
        return watch.Elapsed.TotalMilliseconds;
    }
}

/// <summary>What this machine can do now: the best rate of a large 3×3 convolution, batch 8, 256 to 256 channels on 32×32.</summary>
internal sealed class Ceiling : IDisposable
{
    private const double Flop = 2.0 * 9 * 256 * 256 * 32 * 32 * 8;
    private readonly Tensor x, kernel;
    private double best = double.MaxValue;

    /// <summary>Prepares one.</summary>
    /// <param name="type">Precision; null for float32.</param>
    public Ceiling(ScalarType? type = null)
    {
        using var scope = NewDisposeScope();
        x = randn(8, 32, 32, 256).to(type ?? float32).permute(0, 3, 1, 2).DetachFromDisposeScope();
        kernel = randn(256, 3, 3, 256).to(type ?? float32).permute(0, 3, 1, 2).DetachFromDisposeScope();
    }

    /// <summary>The best rate so far in GFLOP/s.</summary>
    public double GigaflopPerSecond => Flop / best / 1e6;

    /// <summary>Measures once more.</summary>
    public void Measure() => best = Math.Min(best, Samples.Time(() => functional.conv2d(x, kernel, padding: [1, 1]).Dispose()));

    public void Dispose()
    {
        x.Dispose();
        kernel.Dispose();
    }
}
