using UnetResnet.Runtime;

namespace UnetResnet.Normalization;

/// <summary>How <see cref="Recalibration"/> counts.</summary>
public sealed record RecalibrationOptions
{
    private readonly long? images;
    private readonly double pseudoCount;

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

    /// <summary>
    /// How many images the old statistics count as when they are blended with the new ones, 0 (default: only the new ones count) to infinity (only the old ones). For few
    /// images of a new domain, whose statistics are noisy, and an old domain that is not too far: μ = (N·μ_old + n·μ_new) / (N + n) for n images, and σ² likewise
    /// (Schneider et al. 2020, "Improving robustness against common corruptions by covariate shift adaptation").
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Below 0.</exception>
    public double PseudoCount
    {
        get => pseudoCount;
        init => pseudoCount = value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(PseudoCount), value, "The pseudo-count must be 0 (only the new statistics) or more; infinity keeps only the old ones.");
    }

    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}
