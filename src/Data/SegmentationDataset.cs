using System.Collections;

namespace UnetResnet.Data;

/// <summary>Images with masks, in memory and in a fixed order. It never changes; every method gives a new dataset.</summary>
public sealed class SegmentationDataset : IReadOnlyList<SegmentationSample>
{
    /// <summary>A ResNet encoder halves the side five times, and the decoder doubles it five times.</summary>
    private const int SideFactor = 32;

    private readonly SegmentationSample[] samples;

    /// <summary>Collects samples.</summary>
    /// <param name="samples">The samples; may be none.</param>
    public SegmentationDataset(IEnumerable<SegmentationSample> samples)
    {
        ArgumentNullException.ThrowIfNull(samples);
        this.samples = [.. samples];
    }

    /// <inheritdoc/>
    public int Count => samples.Length;

    /// <inheritdoc/>
    public SegmentationSample this[int index] => samples[index];

    /// <summary>The dataset with every image made <paramref name="side"/>×<paramref name="side"/> pixels and every mask too, see <see cref="SegmentationSample.Resize"/>.</summary>
    /// <remarks>Like the <c>target_size</c> of Keras, this squeezes an image that is not square: pad it first where that matters.</remarks>
    /// <param name="side">Side in pixels; a multiple of 32.</param>
    /// <exception cref="ArgumentOutOfRangeException">The side is no positive multiple of 32; the message names the next ones.</exception>
    public SegmentationDataset Resize(int side)
    {
        CheckSide(side);
        return new SegmentationDataset(samples.Select(sample => sample.Resize(side, side)));
    }

    /// <summary>The samples at the given places, in the order given.</summary>
    /// <param name="indices">Places from 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such place.</exception>
    public SegmentationDataset Subset(IEnumerable<int> indices)
    {
        ArgumentNullException.ThrowIfNull(indices);
        return new SegmentationDataset(indices.Select(index => (uint)index < (uint)samples.Length
            ? samples[index]
            : throw new ArgumentOutOfRangeException(nameof(indices), index, $"The dataset has the places 0 to {samples.Length - 1}.")));
    }

    /// <summary>The first samples.</summary>
    /// <param name="count">How many; all where there are fewer.</param>
    public SegmentationDataset Take(int count) => new(samples.Take(count));

    /// <summary>Every <paramref name="step"/>-th sample, from the first: a smaller dataset that still covers the whole series.</summary>
    /// <param name="step">At least 1.</param>
    public SegmentationDataset Every(int step)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(step, 1);
        return new SegmentationDataset(samples.Where((_, index) => index % step == 0));
    }

    /// <summary>This dataset followed by another.</summary>
    /// <param name="other">The other dataset.</param>
    public SegmentationDataset Concat(SegmentationDataset other) => new(samples.Concat(other));

    /// <inheritdoc/>
    public IEnumerator<SegmentationSample> GetEnumerator() => ((IEnumerable<SegmentationSample>)samples).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => samples.GetEnumerator();

    /// <summary>Throws if a U-Net on a ResNet cannot take images of a side.</summary>
    internal static void CheckSide(int side)
    {
        if (side > 0 && side % SideFactor == 0) return;
        int lower = side / SideFactor * SideFactor;
        int higher = Math.Max(0, lower) + SideFactor;
        string cure = lower > 0 ? $"take {lower} or {higher}" : $"take {higher} or more";
        throw new ArgumentOutOfRangeException(
            nameof(side), side, $"The side must be a multiple of {SideFactor}, because the encoder halves it five times; {cure}.");
    }
}
