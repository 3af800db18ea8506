using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Normalization;

/// <summary>Mean and variance per channel over any number of batches, by the law of total variance, in double precision.</summary>
public sealed class PooledStatistics : IDisposable
{
    private readonly Tensor sum;
    private readonly Tensor squares;
    private long count;

    /// <summary>Goes on with sums that were taken elsewhere; takes them over.</summary>
    internal PooledStatistics(Tensor sum, Tensor squares, long count) => (this.sum, this.squares, this.count) = (sum.DetachFromDisposeScope(), squares.DetachFromDisposeScope(), count);

    /// <summary>Starts with no values.</summary>
    /// <param name="channels">Number of channels C, at least 1.</param>
    public PooledStatistics(long channels)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(channels, 1);
        sum = zeros(channels, float64, device: CPU).DetachFromDisposeScope();
        squares = zeros(channels, float64, device: CPU).DetachFromDisposeScope();
    }

    /// <summary>Number of channels C.</summary>
    public long Channels => sum.shape[0];

    /// <summary>Number of values per channel so far.</summary>
    public long Count => count;

    /// <summary>Σ x of each channel, float64 (C).</summary>
    internal Tensor Sum => sum;

    /// <summary>Σ x² of each channel, float64 (C).</summary>
    internal Tensor Squares => squares;

    /// <summary>Takes in a batch, weighted by its number of values.</summary>
    /// <param name="values">(N, C), (N, C, H, W) or any other (N, C, …), not empty; the caller keeps it.</param>
    /// <exception cref="ArgumentException">Wrong shape, or no values.</exception>
    public void Add(Tensor values)
    {
        if (values.dim() < 2 || values.shape[1] != Channels || values.numel() == 0)
            throw new ArgumentException($"Statistics of {Channels} channels need values (N, {Channels}, …), and got ({string.Join(", ", values.shape)}).", nameof(values));
        long n = values.numel() / Channels;
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        Tensor detached = values.detach();
        using (ChannelMap? map = ChannelMap.Of(detached))
        {
            if (map is not null)
            {
                Add(map.Sums(groups: 1)[0], n);
                return;
            }
        }

        (Tensor variance, Tensor mean) = var_mean(detached, [0, .. Enumerable.Range(2, (int)values.dim() - 2)], unbiased: false);
        Tensor mean64 = mean.cpu().to(float64), variance64 = variance.cpu().to(float64);
        sum.add_(mean64, alpha: n);
        squares.add_(variance64.add_(mean64.square()), alpha: n);
        count += n;
    }

    /// <summary>Takes in all values that other statistics have seen: sums add up, in whatever order and on whatever machine they were taken.</summary>
    /// <param name="other">Statistics of as many channels; they stay as they are.</param>
    /// <exception cref="ArgumentException">Another number of channels.</exception>
    public void Add(PooledStatistics other)
    {
        ArgumentNullException.ThrowIfNull(other);
        if (other.Channels != Channels) throw new ArgumentException($"Statistics of {other.Channels} channels cannot be added to those of {Channels}.", nameof(other));
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        sum.add_(other.sum);
        squares.add_(other.squares);
        count += other.count;
    }

    /// <summary>Takes in a batch by its statistics.</summary>
    /// <param name="mean">(C).</param>
    /// <param name="unbiasedVariance">(C): sums of squares over one less than their number.</param>
    /// <param name="values">Number of values per channel, at least 2.</param>
    internal void Add(Tensor mean, Tensor unbiasedVariance, long values)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        Tensor mean64 = mean.cpu().to(float64), variance64 = unbiasedVariance.cpu().to(float64);
        sum.add_(mean64, alpha: values);
        squares.add_(variance64, alpha: values - 1).add_(mean64.square(), alpha: values);
        count += values;
    }

    /// <summary>Takes in a batch by its sums.</summary>
    /// <param name="sums">Σ x of all channels, then Σ x².</param>
    /// <param name="values">Number of values per channel.</param>
    internal void Add(ReadOnlySpan<double> sums, long values)
    {
        int channels = sums.Length / 2;
        ChannelSweeps.Add(sums[..channels], TensorMemory.Float64(sum));
        ChannelSweeps.Add(sums[channels..], TensorMemory.Float64(squares));
        count += values;
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
    /// <exception cref="ArgumentException">The layer has another number of channels.</exception>
    public void WriteTo(BatchNormLayer layer)
    {
        if (layer.Channels != Channels)
            throw new ArgumentException($"Statistics of {Channels} channels do not fit a layer of {layer.Channels}.", nameof(layer));
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        (double[] mean, double[] variance) = (new double[Channels], new double[Channels]);
        ChannelSweeps.Moments(TensorMemory.Float64(sum), TensorMemory.Float64(squares), Checked(), mean, variance);
        layer.RunningMean.copy_(tensor(mean));
        layer.RunningVar.copy_(tensor(variance));
    }

    /// <summary>Frees the sums.</summary>
    public void Dispose()
    {
        sum.Dispose();
        squares.Dispose();
    }

    private long Checked() => count > 0 ? count : throw new InvalidOperationException("No batch was added, so there are no statistics yet.");
}
