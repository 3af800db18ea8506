namespace UnetResnet.Normalization;

/// <summary>What a layer after a convolution does at the moment, without gradients: a scale and a shift of each channel, for each of several groups of the images.</summary>
/// <param name="Groups">Number of groups, a divisor of the number of images.</param>
/// <param name="NeedsSums">Whether the numbers follow from the sums of what arrives.</param>
/// <param name="Of">
/// The numbers of each group from its sums, if they are needed, see <see cref="ChannelMap.Sums"/>, and the number of values of each channel in a group. To be called once for each pass.
/// </param>
internal sealed record ChannelScaling(int Groups, bool NeedsSums, Func<double[][], long, IReadOnlyList<(float[] Scale, float[] Shift)>> Of);
