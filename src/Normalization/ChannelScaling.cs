namespace UnetResnet.Normalization;

/// <summary>What a layer after a convolution does at the moment, without gradients: a scale and a shift of each channel, for each of several groups of the images.</summary>
/// <param name="Groups">Number of groups, a divisor of the number of images.</param>
/// <param name="NeedsSums">Whether the numbers follow from the sums of what arrives.</param>
/// <param name="Of">Gives the numbers; to be called once for each pass.</param>
internal sealed record ChannelScaling(int Groups, bool NeedsSums, ChannelScaling.Numbers Of)
{
    /// <summary>The scale and the shift of each channel, for each group.</summary>
    /// <param name="sums">For each group Σ x of all channels, then Σ x²; empty where they are not needed.</param>
    /// <param name="count">Values of each channel in a group.</param>
    internal delegate IReadOnlyList<(float[] Scale, float[] Shift)> Numbers(ReadOnlySpan<double> sums, long count);
}
