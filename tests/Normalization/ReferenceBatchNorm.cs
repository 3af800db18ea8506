using UnetResnet.Normalization;

namespace UnetResnet.Tests.Normalization;

/// <summary>
/// Batch normalisation from its definition: plain loops in double precision, without libtorch. The caller says which statistics normalise and whether the
/// running ones move, so that the library's own table of modes is no part of the expectation; averages are written as sums over all batches, not as
/// recursions.
/// </summary>
internal sealed class ReferenceBatchNorm(double[] weight, double[] bias, double[] startMean, double[] startVar, BatchNormOptions options)
{
    private readonly List<double[]> means = [];
    private readonly List<double[]> variances = [];
    private double[] normalised = [];
    private double[] deviations = [];
    private bool usedBatch;

    public double[] RunningMean => [.. startMean.Select((start, c) => Average(start, means.Select(m => m[c])))];

    public double[] RunningVar => [.. startVar.Select((start, c) => Average(start, variances.Select(v => v[c])))];

    /// <summary>Mean and biased variance, in two passes.</summary>
    public static (double Mean, double Variance) Moments(IReadOnlyCollection<double> values)
    {
        double mean = values.Sum() / values.Count;
        return (mean, values.Sum(v => (v - mean) * (v - mean)) / values.Count);
    }

    /// <summary>All values of one channel of (N, C, H, W).</summary>
    public static List<double> Channel(double[] x, int channels, int spatial, int channel) =>
        [.. x.Where((_, i) => i / spatial % channels == channel)];

    public double[] Forward(double[] x, int spatial, bool batchStatistics, bool update)
    {
        int channels = weight.Length;
        double[] mean = RunningMean, variance = RunningVar;
        double[] batchMean = new double[channels], batchVar = new double[channels];
        for (int c = 0; c < channels; c++) (batchMean[c], batchVar[c]) = Moments(Channel(x, channels, spatial, c));
        if (batchStatistics) (mean, variance) = (batchMean, batchVar);

        usedBatch = batchStatistics;
        deviations = [.. variance.Select(v => Math.Sqrt(v + options.Eps))];
        normalised = [.. x.Select((value, i) => (value - mean[i / spatial % channels]) / deviations[i / spatial % channels])];
        if (update)
        {
            double n = x.Length / channels;
            means.Add(batchMean);
            variances.Add([.. batchVar.Select(v => options.MovingVariance switch
            {
                VarianceEstimator.Biased => v,
                VarianceEstimator.Unbiased => v * n / (n - 1),
                _ => v * n / (n - 1) * n / (n - 1.001),
            })]);
        }

        return [.. normalised.Select((value, i) => weight[i / spatial % channels] * value + bias[i / spatial % channels])];
    }

    /// <summary>Gradients of Σ gradient · output for the last forward pass.</summary>
    public (double[] Input, double[] Weight, double[] Bias) Backward(double[] gradient, int spatial)
    {
        int channels = weight.Length;
        double n = gradient.Length / channels;
        var (toWeight, toBias) = (new double[channels], new double[channels]);
        for (int i = 0; i < gradient.Length; i++)
        {
            int c = i / spatial % channels;
            toWeight[c] += gradient[i] * normalised[i];
            toBias[c] += gradient[i];
        }

        double[] toInput = [.. gradient.Select((g, i) =>
        {
            int c = i / spatial % channels;
            return weight[c] / deviations[c] * (usedBatch ? g - toBias[c] / n - normalised[i] * toWeight[c] / n : g);
        })];
        return (toInput, toWeight, toBias);
    }

    private double Average(double start, IEnumerable<double> batches)
    {
        double[] x = [.. batches];
        if (x.Length == 0) return start;
        // The k-th of t batches has the weight m(1 − m)^(t − k).
        double[] shares = [.. x.Select((_, k) => options.Momentum * Math.Pow(1 - options.Momentum, x.Length - 1 - k))];
        double sum = x.Zip(shares, (value, share) => value * share).Sum();
        return options.ZeroDebias ? sum / shares.Sum() : Math.Pow(1 - options.Momentum, x.Length) * start + sum;
    }
}
