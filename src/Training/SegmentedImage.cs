using UnetResnet.Data;
using UnetResnet.Runtime;

namespace UnetResnet.Training;

/// <summary>What a network finds in one image.</summary>
public sealed record SegmentedImage
{
    /// <summary>Grey, of the image's size: 0 and 255 (foreground) of a network with one output channel, the numbers of the classes of one with more.</summary>
    public required PixelImage Mask { get; init; }

    /// <summary>The foreground (class 1), or every class from 0.</summary>
    public required IReadOnlyList<ClassArea> Areas { get; init; }

    /// <summary>Mean over all pixels of the probability of what was decided, 0.5 to 1 of one channel: how sure the network is, which is not how right it is.</summary>
    public required double Confidence { get; init; }

    /// <summary>Pieces that went through the network; 1 for an image that was not cut.</summary>
    public required int Tiles { get; init; }

    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}

/// <summary>How much of an image belongs to a class.</summary>
public sealed record ClassArea
{
    /// <summary>Number of the class.</summary>
    public required int Class { get; init; }

    /// <summary>Its pixels.</summary>
    public required long Pixels { get; init; }

    /// <summary>Its share of the image, 0 to 1.</summary>
    public required double Share { get; init; }

    /// <summary>Mean probability of the class over its pixels; NaN where it has none.</summary>
    public required double Confidence { get; init; }

    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}
