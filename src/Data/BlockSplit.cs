using UnetResnet.Runtime;

namespace UnetResnet.Data;

/// <summary>How <see cref="BlockSplit"/> divides a series.</summary>
public sealed record BlockSplitOptions
{
    /// <summary>Number of validation blocks, at least 1. Default: 2.</summary>
    public int Blocks { get; init; } = 2;

    /// <summary>Share of the series in validation blocks, above 0 and below 1. Default: 0.3.</summary>
    public double ValidationShare { get; init; } = 0.3;

    /// <summary>Places left out on either side of each validation block, at least 0. Default: 2.</summary>
    public int Gap { get; init; } = 2;

    internal void Validate()
    {
        if (Blocks < 1) throw new ArgumentOutOfRangeException(nameof(Blocks), Blocks, "A split needs at least 1 validation block.");
        if (!(ValidationShare is > 0 and < 1))
            throw new ArgumentOutOfRangeException(nameof(ValidationShare), ValidationShare, "The share in validation lies between 0 and 1, both excluded.");
        if (Gap < 0) throw new ArgumentOutOfRangeException(nameof(Gap), Gap, "A gap has at least 0 places.");
    }

    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}

/// <summary>
/// Splits an ordered series – slices of a volume, frames of a film – into contiguous blocks with gaps between them. Neighbours look
/// almost alike, so a random split would put near copies of the training images into validation and make any network look good.
/// </summary>
public static class BlockSplit
{
    /// <summary>Cuts the series into equal stretches, one for each block, and puts a validation block in the middle of every stretch.</summary>
    /// <param name="count">Length of the series.</param>
    /// <param name="options">Blocks, share and gap; null for the defaults.</param>
    /// <exception cref="ArgumentException">The series is too short to keep training places on both sides of every block.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    public static DatasetSplit Create(int count, BlockSplitOptions? options = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        options ??= new BlockSplitOptions();
        options.Validate();

        var (train, validation) = (new List<int>(), new List<int>());
        for (int block = 0; block < options.Blocks; block++)
        {
            int start = (int)((long)count * block / options.Blocks);
            int end = (int)((long)count * (block + 1) / options.Blocks);
            int length = Math.Max(1, (int)Math.Round((end - start) * options.ValidationShare));
            int first = start + (end - start - length) / 2;
            int last = first + length - 1;
            // Behind the block there is as much room, or a place more.
            if (first - options.Gap <= start)
                throw new ArgumentException(
                    $"A series of {count} is too short for {options.Blocks} validation block(s) of {length} with gaps of {options.Gap} and training places on both sides. "
                    + "Take fewer blocks, a smaller share or a smaller gap.", nameof(count));
            for (int place = start; place < end; place++)
            {
                if (place >= first && place <= last) validation.Add(place);
                else if (place < first - options.Gap || place > last + options.Gap) train.Add(place);
            }
        }

        return new DatasetSplit(train, validation);
    }
}
