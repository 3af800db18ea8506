using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Diagnosis;

/// <summary>Mean and biased variance per channel of what a layer is given, over all its uses in one forward pass.</summary>
internal sealed class ChannelMoments
{
    private double[] sums = [], squares = [];
    private long count;

    /// <summary>Takes in values (N, C) or (N, C, …).</summary>
    internal void Add(Tensor values)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        long[] others = [.. Enumerable.Range(0, (int)values.dim()).Where(d => d != 1).Select(d => (long)d)];
        (Tensor variance, Tensor mean) = var_mean(values.detach(), others, unbiased: false);
        double[] means = TensorMemory.Doubles(mean), variances = TensorMemory.Doubles(variance);
        long n = values.numel() / values.shape[1];
        if (count == 0) (sums, squares) = (new double[means.Length], new double[means.Length]);
        for (int c = 0; c < means.Length; c++)
        {
            sums[c] += n * means[c];
            squares[c] += n * (variances[c] + means[c] * means[c]);
        }

        count += n;
    }

    internal bool Any => count > 0;

    internal double[] Mean => [.. sums.Select(sum => sum / count)];

    internal double[] Variance => [.. squares.Zip(sums, (square, sum) => Math.Max(0, square / count - sum / count * (sum / count)))];
}
