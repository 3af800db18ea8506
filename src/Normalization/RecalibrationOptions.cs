using UnetResnet.Runtime;

namespace UnetResnet.Normalization;

/// <summary>How <see cref="Recalibration.Recalibrate"/> counts.</summary>
public sealed record RecalibrationOptions
{
    private readonly long? images;

    /// <summary>
    /// One pass for each layer instead of one for all. In a single pass every layer normalises by its batch, as in training, so that a layer's statistics depend a
    /// little on how the images are cut into batches. Layer by layer, all layers before it use their new running statistics, as they will in inference: the result
    /// is exact for inference and independent of the cut, and costs as many passes as there are layers.
    /// </summary>
    public bool LayerByLayer { get; init; }

    /// <summary>How many images to use, the first ones, at least 1; null (default) for all.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Below 1.</exception>
    public long? Images
    {
        get => images;
        init => images = value is null or >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(Images), value, "Statistics need at least 1 image; null takes all.");
    }

    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}
