using static TorchSharp.torch;

namespace UnetResnet.Normalization;

/// <summary>Numbers of each channel with which the gradient of a normalised map becomes that of the map.</summary>
/// <param name="Scale">γ/σ.</param>
/// <param name="Shift">β − μ·γ/σ.</param>
/// <param name="Centre">μ.</param>
internal sealed record ChannelGradient(float[] Scale, float[] Shift, float[] Centre)
{
    /// <summary>What each value's distance from μ is multiplied by: the part of the gradient that goes through σ.</summary>
    internal float[] Slope { get; init; } = [];

    /// <summary>What every value gets: the part of the gradient that goes through μ.</summary>
    internal float[] Offset { get; init; } = [];

    /// <summary>The numbers of batch norm with given statistics, and 1/σ of each channel.</summary>
    /// <param name="statistics">μ and the biased variance of each channel.</param>
    /// <param name="weight">γ, (C), float32.</param>
    /// <param name="bias">β, (C), float32.</param>
    /// <param name="eps">What is added to the variance.</param>
    internal static (ChannelGradient Numbers, double[] Inverse) Of((double[] Mean, double[] Variance) statistics, Tensor weight, Tensor bias, double eps)
    {
        (double[] mean, double[] variance) = statistics;
        (float[] scale, float[] shift) = ChannelMap.Normalizing(mean, variance, weight, bias, eps);
        return (new ChannelGradient(scale, shift, [.. mean.Select(one => (float)one)]), [.. variance.Select(one => 1 / Math.Sqrt(one + eps))]);
    }

    /// <summary>The same with <see cref="Slope"/> and <see cref="Offset"/>.</summary>
    /// <param name="inverse">1/σ of each channel.</param>
    /// <param name="ofWeight">The gradient of γ.</param>
    /// <param name="ofBias">The gradient of β.</param>
    /// <param name="count">Values of each channel.</param>
    internal ChannelGradient Through(double[] inverse, double[] ofWeight, double[] ofBias, double count) => this with
    {
        Slope = [.. ofWeight.Select((sum, c) => (float)(-Scale[c] * inverse[c] * sum / count))],
        Offset = [.. ofBias.Select((sum, c) => (float)(-Scale[c] * sum / count))],
    };
}
