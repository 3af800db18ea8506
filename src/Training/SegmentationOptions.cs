using UnetResnet.Data;
using UnetResnet.Runtime;

namespace UnetResnet.Training;

/// <summary>How <see cref="ImageSegmenter"/> and <see cref="FolderSegmentation"/> give images to a network.</summary>
public sealed record SegmentationOptions
{
    /// <summary>How the images are preprocessed; null (default) for what the network's encoder says, see <see cref="Models.ResNet50Encoder.Preprocessing"/>.</summary>
    public Preprocessing? Preprocessing { get; init; }

    /// <summary>The longest side in pixels that goes through the network in one piece, a multiple of 32. What is longer is cut into tiles of this side.</summary>
    public int TileSide { get; init; } = 1024;

    /// <summary>What neighbouring tiles share, in pixels: a multiple of 32, at least 32 and at most half of <see cref="TileSide"/>; null (default) for about a quarter of it. More hides seams better and costs more time.</summary>
    public int? Overlap { get; init; }

    /// <summary>The overlap in pixels.</summary>
    internal int SharedPixels => Overlap ?? Math.Max(TileAxis.Multiple, TileSide / 4 / TileAxis.Multiple * TileAxis.Multiple);

    /// <summary>Most pixels of an image that is read: its pixels are in memory as a whole, three bytes each.</summary>
    public long PixelLimit { get; init; } = ImageCodec.DefaultPixelLimit;

    /// <summary>Whether <see cref="FolderSegmentation"/> segments images anew that are done already, and may write into a folder that is not its own.</summary>
    public bool Overwrite { get; init; }

    /// <summary>Checks the options.</summary>
    /// <returns>This record.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A value is out of its range.</exception>
    public SegmentationOptions Validate()
    {
        if (TileSide < 2 * TileAxis.Multiple || TileSide % TileAxis.Multiple != 0)
            throw new ArgumentOutOfRangeException(nameof(TileSide), TileSide, "The side of a tile must be a multiple of 32, at least 64; 1024 is the default.");
        if (Overlap is { } overlap && (overlap < TileAxis.Multiple || overlap % TileAxis.Multiple != 0 || overlap > TileSide / 2))
            throw new ArgumentOutOfRangeException(nameof(Overlap), Overlap, $"The overlap must be a multiple of 32, at least 32 and at most half of the tile's side, {TileSide / 2}.");
        if (PixelLimit < 1) throw new ArgumentOutOfRangeException(nameof(PixelLimit), PixelLimit, "An image has at least 1 pixel.");
        return this;
    }

    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}
