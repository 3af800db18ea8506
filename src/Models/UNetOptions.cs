using UnetResnet.Normalization;
using UnetResnet.Runtime;

namespace UnetResnet.Models;

/// <summary>How the U-Net is put together.</summary>
public sealed record UNetOptions
{
    /// <summary>The encoder; without top and without pooling.</summary>
    public ResNet50Options Encoder { get; init; } = new();

    /// <summary>Whether decoder blocks are <c>conv_block_simple</c> (with batch norm) or <c>conv_block_simple_no_bn</c>.</summary>
    public bool DecoderBatchNorm { get; init; } = true;

    /// <summary>Rate of the <c>SpatialDropout2D</c> before the prediction, 0 to below 1.</summary>
    public double SpatialDropout { get; init; } = 0.2;

    /// <summary>
    /// Channels of the output. 1 (default): the logit of the foreground, for masks of 0 and 1. 2 to 255: a logit for each class, for masks of class numbers from 0,
    /// trained with softmax cross-entropy; the background is a class too.
    /// </summary>
    public int Classes { get; init; } = 1;

    /// <summary>ε and moving averages of the decoder's batch-norm layers.</summary>
    public BatchNormOptions BatchNorm { get; init; } = BatchNormOptions.Keras213;

    /// <summary>
    /// Whether the decoder makes the doubled maps and their concatenations as Keras does. By default it does not, on the CPU: it convolves the small map before doubling it,
    /// which is the same to rounding, with a quarter of the products. State keys and weights are the same either way.
    /// </summary>
    public bool PlainUpsampling { get; init; }

    /// <summary>
    /// Filters of the five decoder stages: 256, 192, 128, 64, 32 at width 64; scaled with the encoder's width, rounded up to multiples of 16.
    /// </summary>
    public IReadOnlyList<int> DecoderFilters => [.. new[] { 256, 192, 128, 64, 32 }.Select(f => (f * Encoder.Width / 64 + 15) / 16 * 16)];

    /// <summary>Checks the options.</summary>
    /// <returns>This record.</returns>
    /// <exception cref="ArgumentException">A value or a combination is not allowed.</exception>
    public UNetOptions Validate()
    {
        Encoder.Validate();
        if (Encoder.IncludeTop || Encoder.Pooling is not null)
            throw new ArgumentException("A U-Net needs the encoder's feature maps: its encoder can have neither top nor pooling.", nameof(Encoder));
        if (SpatialDropout is not (>= 0 and < 1))
            throw new ArgumentOutOfRangeException(nameof(SpatialDropout), SpatialDropout, "The dropout rate must be at least 0 and below 1.");
        if (Classes is not (>= 1 and <= 255))
            throw new ArgumentOutOfRangeException(nameof(Classes), Classes, "A U-Net gives 1 channel (the foreground's logit) or 2 to 255 (a logit for each class, the background included).");
        return this;
    }

    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}
