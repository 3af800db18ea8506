using UnetResnet.Runtime;

namespace UnetResnet.Weights;

/// <summary>What <see cref="OnnxExport"/> writes.</summary>
public sealed record OnnxExportOptions
{
    /// <summary>Whether batch norm becomes part of the convolutions (fewer nodes, the same logits to rounding) or stays as nodes of its own (default), whose statistics can still be read and exchanged.</summary>
    public bool Fold { get; init; }

    /// <summary>Whether the file ends in a sigmoid (one output channel) or a softmax over the classes. By default it gives logits, as the network does.</summary>
    public bool Probabilities { get; init; }

    /// <summary>Height and width of the images, a multiple of 32, or null (default) for any sides that 32 divides. The number of images is free in any case.</summary>
    public int? Side { get; init; }

    /// <summary>Further texts in the file's metadata, such as <c>Preprocessing.Caffe.Facts</c>: how images become what the network takes.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; init; } = new Dictionary<string, string>();

    /// <summary>Checks the options.</summary>
    /// <returns>This record.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The side is no multiple of 32.</exception>
    public OnnxExportOptions Validate()
    {
        if (Side is { } side && (side < 32 || side % 32 != 0))
            throw new ArgumentOutOfRangeException(nameof(Side), Side, "A U-Net on ResNet50 halves its images five times: the side must be a positive multiple of 32, or null for any.");
        ArgumentNullException.ThrowIfNull(Metadata);
        return this;
    }

    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}
