using static TorchSharp.torch;

namespace UnetResnet.Normalization;

/// <summary>Mean and variance per channel over any number of batches, by the law of total variance, in double precision.</summary>
public sealed class PooledStatistics : IDisposable
{
    private readonly Tensor sum;
    private readonly Tensor squares;
    private long count;

    /// <summary>Starts with no values.</summary>
    /// <param name="channels">Number of channels C.</param>
    public PooledStatistics(long channels)
    {
        sum = zeros(channels, float64).DetachFromDisposeScope();
        squares = zeros(channels, float64).DetachFromDisposeScope();
    }

    /// <summary>Number of values per channel so far.</summary>
    public long Count => count;

    /// <summary>Takes in a batch, weighted by its number of values.</summary>
    /// <param name="values">(N, C, H, W); the caller keeps it.</param>
    public void Add(Tensor values)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        long n = values.shape[0] * values.shape[2] * values.shape[3];
        (Tensor variance, Tensor mean) = var_mean(values.detach(), [0, 2, 3], unbiased: false);
        Tensor mean64 = mean.to(float64, CPU), variance64 = variance.to(float64, CPU);
        sum.add_(mean64, alpha: n);
        squares.add_(variance64.add_(mean64.square()), alpha: n);
        count += n;
    }

    /// <summary>The mean of all values.</summary>
    /// <returns>float64 (C), owned by the caller.</returns>
    public Tensor Mean() => sum / Checked();

    /// <summary>The biased variance of all values: Σ n(v + μ²) / Σ n − mean².</summary>
    /// <returns>float64 (C), owned by the caller.</returns>
    public Tensor Variance()
    {
        using var scope = NewDisposeScope();
        return (squares / Checked()).sub_(Mean().square()).clamp_min_(0).MoveToOuterDisposeScope();
    }

    /// <summary>Copies mean and variance into a layer's running statistics.</summary>
    /// <param name="layer">The layer.</param>
    public void WriteTo(ModalBatchNorm2d layer)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        layer.RunningMean.copy_(Mean());
        layer.RunningVar.copy_(Variance());
    }

    /// <summary>Frees the sums.</summary>
    public void Dispose()
    {
        sum.Dispose();
        squares.Dispose();
    }

    private long Checked() => count > 0 ? count : throw new InvalidOperationException("No batch was added, so there are no statistics yet.");
}
