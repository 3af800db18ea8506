using UnetResnet.Normalization;
using UnetResnet.Runtime;

namespace UnetResnet.Models;

/// <summary>
/// What <c>keras.applications.ResNet50(include_top, weights, input_shape, pooling, classes)</c> took, and what this kit adds: width, padding, batch norm. The weights are an
/// argument of <c>ResNet50Encoder.Create</c> (in <c>UnetResnet.Weights</c>), since they are no part of the architecture.
/// </summary>
public sealed record ResNet50Options
{
    /// <summary>
    /// torchvision's <c>resnet50</c>: its architecture, symmetric padding, PyTorch's batch norm with ε 1e-5. Vary with <c>with</c>. Its weights were trained on
    /// RGB images under <c>Preprocessing.Torch</c>, not on Caffe's.
    /// </summary>
    public static ResNet50Options Torchvision { get; } = new() { Architecture = ResNet50Architecture.Torchvision, Padding = ConvolutionPadding.Symmetric, BatchNorm = BatchNormOptions.Torch };

    /// <summary>Keras's network or torchvision's; <see cref="Torchvision"/> has the other values that belong to the latter.</summary>
    public ResNet50Architecture Architecture { get; init; } = ResNet50Architecture.Keras;

    /// <summary>Channels of the first convolution: 64 is ResNet50; 16 is the same 53 convolutions at a quarter of the channels, for two cores. A multiple of 16.</summary>
    public int Width { get; init; } = 64;

    /// <summary>Whether the fully connected classifier is on top.</summary>
    public bool IncludeTop { get; init; }

    /// <summary>Without a top: <c>null</c> (feature maps), <c>"avg"</c> or <c>"max"</c> (global pooling to one vector per image).</summary>
    public string? Pooling { get; init; }

    /// <summary>Classes of the top, at least 1.</summary>
    public int Classes { get; init; } = 1000;

    /// <summary>How the strided windows are padded.</summary>
    public ConvolutionPadding Padding { get; init; } = ConvolutionPadding.Same;

    /// <summary>ε and moving averages of the batch-norm layers.</summary>
    public BatchNormOptions BatchNorm { get; init; } = BatchNormOptions.Keras213;

    /// <summary>Checks the options as the original function did.</summary>
    /// <returns>This record.</returns>
    /// <exception cref="ArgumentException">A value or a combination is not allowed; the message names both and the cure.</exception>
    public ResNet50Options Validate()
    {
        ChannelCounts.CheckInner(Width, nameof(Width));
        if (!Enum.IsDefined(Architecture))
            throw new ArgumentOutOfRangeException(nameof(Architecture), Architecture, $"There is no such architecture. It must be one of {string.Join(", ", Enum.GetNames<ResNet50Architecture>())}.");
        if (Architecture == ResNet50Architecture.Torchvision && Padding != ConvolutionPadding.Symmetric)
            throw new ArgumentException($"torchvision's ResNet50 pads symmetrically, and Padding is {Padding}. Start from ResNet50Options.Torchvision with {{ … }}, or set Padding = ConvolutionPadding.Symmetric.", nameof(Padding));
        if (Classes < 1) throw new ArgumentOutOfRangeException(nameof(Classes), Classes, "There must be at least 1 class.");
        if (Pooling is not (null or "avg" or "max"))
            throw new ArgumentException($"Pooling is '{Pooling}'. It must be null (feature maps), \"avg\" or \"max\".", nameof(Pooling));
        if (Pooling is not null && IncludeTop)
            throw new ArgumentException("Pooling is for a network without top: the top pools by itself. Set IncludeTop to false or Pooling to null.", nameof(Pooling));
        return this;
    }

    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}
