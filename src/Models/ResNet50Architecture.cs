namespace UnetResnet.Models;

/// <summary>Which of the two networks that go by the name of ResNet50. Their weights are not interchangeable: they fit by shape, and the features come out wrong.</summary>
public enum ResNet50Architecture
{
    /// <summary>Keras's, after Caffe's original: stages subsample in their first 1×1 convolution, and convolutions have biases.</summary>
    Keras,

    /// <summary>
    /// torchvision's, also called v1.5: stages subsample in their 3×3 convolution, and convolutions have no biases. Padding is symmetric and ε 1e-5:
    /// start from <see cref="ResNet50Options.Torchvision"/>.
    /// </summary>
    /// <remarks>Source: torchvision <c>models/resnet.py</c>, <c>Bottleneck</c>, which names the difference.</remarks>
    Torchvision,
}
