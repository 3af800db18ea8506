using UnetResnet.Models;
using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Weights;

/// <summary>The <c>weights</c> of <c>Create</c>, with the rules of <c>keras.applications.ResNet50(weights=…)</c>.</summary>
internal static class NamedWeights
{
    /// <summary>The weights trained on ImageNet.</summary>
    internal const string ImageNet = "imagenet";

    /// <summary>The quarter-width weights that come with the kit: trained on <c>ProceduralSourceDomain</c>; their card lies beside them.</summary>
    internal const string Bundled = "bundled";

    /// <summary>Checks, builds, loads. Nothing is built for weights that are not allowed.</summary>
    internal static TNetwork Create<TNetwork>(ResNet50Options encoder, string? weights, Func<TNetwork> build, Func<TNetwork, ResNet50Encoder> encoderOf, string? cacheFolder = null)
        where TNetwork : Module<Tensor, Tensor>
    {
        Check(encoder, weights);
        string? path = weights switch
        {
            null => null,
            Bundled => BundledFiles.Find("weights/resnet50-w16-shapes.safetensors"),
            ImageNet => (encoder.IncludeTop ? PretrainedWeights.ImageNetWithTop : PretrainedWeights.ImageNet).Require(cacheFolder),
            _ => weights,
        };
        TNetwork network = build();
        try
        {
            if (path is not null) EncoderWeights.Load(encoderOf(network), path);
            return network;
        }
        catch
        {
            network.Dispose();
            throw;
        }
    }

    /// <summary>Throws as the original function did, and where the weights are known to be those of another network.</summary>
    internal static void Check(ResNet50Options options, string? weights)
    {
        if (weights is not (null or ImageNet or Bundled) && !File.Exists(weights))
            throw new ArgumentException(
                $"The weights are '{weights}', and there is no such file. They must be null (random initialisation), \"{ImageNet}\" (pre-trained on ImageNet), \"{Bundled}\" (the kit's own, width 16), or the path of a weights file.", nameof(weights));
        if (options.Architecture == ResNet50Architecture.Torchvision && weights is (ImageNet or Bundled))
            throw new ArgumentException($"The weights \"{weights}\" are those of Keras's ResNet50, and Architecture is torchvision's. Give the path of a file of torchvision's resnet50, or take ResNet50Architecture.Keras.", nameof(weights));
        if (weights == ImageNet && options.IncludeTop && options.Classes != 1000)
            throw new ArgumentException($"With the weights of ImageNet and the top included, Classes must be 1000, not {options.Classes}: that is what they were trained for. Set IncludeTop to false for other classes.", nameof(options));
        if (weights == ImageNet && options.Width != 64)
            throw new ArgumentException($"The weights of ImageNet are those of width 64, not {options.Width}. Use \"{Bundled}\" for width 16.", nameof(options));
        if (weights == Bundled && (options.Width != 16 || options.IncludeTop))
            throw new ArgumentException($"The bundled weights are those of width 16 without top, and the options say width {options.Width}{(options.IncludeTop ? " with top" : "")}.", nameof(options));
    }
}
