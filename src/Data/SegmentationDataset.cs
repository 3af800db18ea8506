using System.Collections;
using UnetResnet.Runtime;

namespace UnetResnet.Data;

/// <summary>
/// Images with masks in a fixed order, in memory or read when they are wanted (<see cref="ImageMaskFolder"/>). It never changes; every method gives a new dataset, and none
/// of them reads an image.
/// </summary>
public sealed class SegmentationDataset : IReadOnlyList<SegmentationSample>
{
    /// <summary>A ResNet encoder halves the side five times, and the decoder doubles it five times.</summary>
    private const int SideFactor = 32;

    private readonly SampleSlot[] slots;

    /// <summary>Collects samples.</summary>
    /// <param name="samples">The samples; may be none.</param>
    public SegmentationDataset(IEnumerable<SegmentationSample> samples)
    {
        ArgumentNullException.ThrowIfNull(samples);
        (slots, Skipped) = samples is SegmentationDataset dataset ? (dataset.slots, dataset.Skipped) : ([.. samples.Select(sample => new SampleSlot(sample))], []);
    }

    /// <param name="slots">The samples.</param>
    /// <param name="skipped">See <see cref="Skipped"/>.</param>
    internal SegmentationDataset(SampleSlot[] slots, IReadOnlyList<SkippedFile> skipped) => (this.slots, Skipped) = (slots, skipped);

    /// <summary>The files that were left out when a folder was read with <see cref="OnError.Skip"/>; also in datasets that were made from that one.</summary>
    public IReadOnlyList<SkippedFile> Skipped { get; }

    /// <inheritdoc/>
    public int Count => slots.Length;

    /// <summary>A sample. Where it is not in memory, it is read.</summary>
    /// <param name="index">Its place, from 0.</param>
    /// <exception cref="DatasetException">A file of it is missing or broken.</exception>
    public SegmentationSample this[int index] => slots[index].Get();

    /// <summary>What is known of the samples without reading them.</summary>
    internal IReadOnlyList<SampleSlot> Slots => slots;

    /// <summary>The dataset with every image made <paramref name="side"/>×<paramref name="side"/> pixels and every mask too, see <see cref="SegmentationSample.Resize"/>.</summary>
    /// <remarks>Like the <c>target_size</c> of Keras, this squeezes an image that is not square: pad it first where that matters.</remarks>
    /// <param name="side">Side in pixels; a multiple of 32.</param>
    /// <exception cref="ArgumentOutOfRangeException">The side is no positive multiple of 32; the message names the next ones.</exception>
    public SegmentationDataset Resize(int side)
    {
        CheckSide(side);
        return new SegmentationDataset(Array.ConvertAll(slots, slot => slot.Resize(side, side)), Skipped);
    }

    /// <summary>The samples at the given places, in the order given.</summary>
    /// <param name="indices">Places from 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such place.</exception>
    public SegmentationDataset Subset(IEnumerable<int> indices)
    {
        ArgumentNullException.ThrowIfNull(indices);
        return new SegmentationDataset([.. indices.Select(index => (uint)index < (uint)slots.Length
            ? slots[index]
            : throw new ArgumentOutOfRangeException(nameof(indices), index, $"The dataset has the places 0 to {slots.Length - 1}."))], Skipped);
    }

    /// <summary>The first samples.</summary>
    /// <param name="count">How many; all where there are fewer.</param>
    public SegmentationDataset Take(int count) => new([.. slots.Take(count)], Skipped);

    /// <summary>Every <paramref name="step"/>-th sample, from the first: a smaller dataset that still covers the whole series.</summary>
    /// <param name="step">At least 1.</param>
    public SegmentationDataset Every(int step)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(step, 1);
        return new SegmentationDataset([.. slots.Where((_, index) => index % step == 0)], Skipped);
    }

    /// <summary>This dataset followed by another.</summary>
    /// <param name="other">The other dataset.</param>
    public SegmentationDataset Concat(SegmentationDataset other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return new SegmentationDataset([.. slots, .. other.slots], [.. Skipped.Union(other.Skipped)]);
    }

    /// <inheritdoc/>
    public IEnumerator<SegmentationSample> GetEnumerator() => slots.Select(slot => slot.Get()).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>How many samples there are, how many of them are in memory, and how many files were left out.</summary>
    public override string ToString()
    {
        long[] kept = [.. slots.Select(slot => slot.KeptBytes).Where(bytes => bytes > 0)];
        return $"{NumberText.Grouped(slots.Length)} images with masks, {(kept.Length == slots.Length ? "all" : NumberText.Grouped(kept.Length))} in memory ({NumberText.Fixed(kept.Sum() / 1e6, 1)} MB){(Skipped.Count > 0 ? $", {NumberText.Grouped(Skipped.Count)} files skipped" : "")}";
    }

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
