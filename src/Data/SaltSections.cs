using System.Globalization;

namespace UnetResnet.Data;

/// <summary>
/// Drawn seismic sections with a salt body: bent, tilted and faulted layers as a migrated section shows them, and in them one body of salt, to be segmented. Grey pictures,
/// made by formula; picture i of a seed is always the same.
/// </summary>
/// <remarks>
/// Harder than the brain slices, as real sections are: flanks reflect less than tops and often not at all, layers turn up beside the salt, it casts a shadow on what lies
/// below, and there are chaotic zones that are no salt.
/// </remarks>
public sealed class SaltSections
{
    private readonly int seed;

    /// <summary>Creates a series of sections.</summary>
    /// <param name="side">Side of the square pictures in pixels, a multiple of 32.</param>
    /// <param name="seed">Seed; another one gives other sections.</param>
    /// <exception cref="ArgumentOutOfRangeException">The side is no positive multiple of 32.</exception>
    public SaltSections(int side = 96, int seed = 0)
    {
        if (side <= 0 || side % 32 != 0)
            throw new ArgumentOutOfRangeException(nameof(side), side, $"The side must be a multiple of 32, because the encoder halves it five times; take {Math.Max(1, (side + 31) / 32) * 32}.");
        Side = side;
        this.seed = seed;
    }

    /// <summary>Side of the pictures in pixels.</summary>
    public int Side { get; }

    /// <summary>Training and validation sections of one seed; no section is in both.</summary>
    /// <param name="side">Side of the square pictures in pixels, a multiple of 32.</param>
    /// <param name="seed">Seed.</param>
    /// <param name="training">Number of training sections, at least 1.</param>
    /// <param name="validation">Number of validation sections, at least 1.</param>
    public static (SegmentationDataset Train, SegmentationDataset Validation) Split(int side = 96, int seed = 0, int training = 100, int validation = 40)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(training, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(validation, 1);
        var sections = new SaltSections(side, seed);
        SegmentationDataset Range(int first, int count) => new(Enumerable.Range(first, count).Select(sections.Sample));
        return (Range(0, training), Range(training, validation));
    }

    /// <summary>One section.</summary>
    /// <param name="index">Its number, from 0.</param>
    /// <returns>A grey picture and the mask of the salt, called <c>salt-0007</c>.</returns>
    public SegmentationSample Sample(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        var random = new SplitMix64(seed, index, 0x5A17);
        var section = new SaltSection(ref random, Side);
        var (image, mask) = (new byte[Side * Side], new byte[Side * Side]);
        for (int y = 0, p = 0; y < Side; y++)
        {
            for (int x = 0; x < Side; x++, p++)
            {
                (double amplitude, bool salt) = section.At(x, y);
                image[p] = (byte)Math.Clamp(128 + 64 * amplitude + 0.5, 0, 255);
                mask[p] = salt ? (byte)255 : (byte)0;
            }
        }

        return new SegmentationSample(
            string.Create(CultureInfo.InvariantCulture, $"salt-{index:0000}"), new PixelImage(Side, Side, 1, image), new PixelImage(Side, Side, 1, mask));
    }
}
