namespace UnetResnet.Data;

/// <summary>
/// A sample's place in a dataset: its name and size are known, its pixels are there or are read when somebody wants them. What was read stays as far as the budget goes.
/// Threads may share it.
/// </summary>
internal sealed class SampleSlot
{
    private readonly Func<SegmentationSample>? read;
    private readonly MemoryBudget? budget;
    private SegmentationSample? kept;

    /// <summary>A sample in memory.</summary>
    internal SampleSlot(SegmentationSample sample)
    {
        kept = sample;
        (Name, Width, Height, Classes) = (sample.Name, sample.Image.Width, sample.Image.Height, sample.Classes);
    }

    /// <summary>A sample that is to be read.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="width">Width in pixels.</param>
    /// <param name="height">Height in pixels.</param>
    /// <param name="classes">See <see cref="SegmentationSample.Classes"/>.</param>
    /// <param name="read">Reads it.</param>
    /// <param name="budget">How much may be kept.</param>
    internal SampleSlot(string name, int width, int height, int classes, Func<SegmentationSample> read, MemoryBudget budget) =>
        (Name, Width, Height, Classes, this.read, this.budget) = (name, width, height, classes, read, budget);

    internal string Name { get; }

    internal int Width { get; }

    internal int Height { get; }

    internal int Classes { get; }

    /// <summary>Bytes of the pixels that are in memory now.</summary>
    internal long KeptBytes => Volatile.Read(ref kept) is { } sample ? BytesOf(sample) : 0;

    /// <summary>The sample.</summary>
    /// <exception cref="DatasetException">A file of it is missing or broken.</exception>
    internal SegmentationSample Get()
    {
        if (Volatile.Read(ref kept) is { } there) return there;
        SegmentationSample sample = read!();
        long bytes = BytesOf(sample);
        if (budget!.TryTake(bytes) && Interlocked.CompareExchange(ref kept, sample, null) is not null) budget.GiveBack(bytes);
        return sample;
    }

    /// <summary>The same sample in another size, read when it is wanted where this one is.</summary>
    internal SampleSlot Resize(int width, int height) => read is null
        ? new SampleSlot(kept!.Resize(width, height))
        : new SampleSlot(Name, width, height, Classes, () => (Volatile.Read(ref kept) ?? read()).Resize(width, height), budget!);

    private static long BytesOf(SegmentationSample sample) => sample.Image.Pixels.Length + sample.Mask.Pixels.Length;
}

/// <summary>
/// How many bytes of pixels a folder keeps. First come, first kept, and nothing is thrown out for something newer: an epoch comes by every image once, so that the one
/// longest unused is the one needed next.
/// </summary>
/// <param name="limit">Bytes, 0 or more.</param>
internal sealed class MemoryBudget(long limit)
{
    private long left = limit;

    /// <summary>Takes bytes if they are there.</summary>
    internal bool TryTake(long bytes)
    {
        if (Interlocked.Add(ref left, -bytes) >= 0) return true;
        GiveBack(bytes);
        return false;
    }

    internal void GiveBack(long bytes) => Interlocked.Add(ref left, bytes);
}
