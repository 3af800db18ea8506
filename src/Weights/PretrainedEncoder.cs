using UnetResnet.Models;
using UnetResnet.Runtime;

namespace UnetResnet.Weights;

/// <summary>Puts pre-trained weights into an encoder.</summary>
public static class PretrainedEncoder
{
    private const string BundledFile = "weights/resnet50-w16-shapes.safetensors";

    /// <summary>Path of the bundled weights: width 16, trained on <c>ProceduralSourceDomain</c>; their card lies beside them.</summary>
    /// <exception cref="FileNotFoundException">The kit's data folder is not found.</exception>
    public static string BundledPath => BundledFiles.Find(BundledFile);

    /// <summary>Builds an encoder and loads the weights that its options name.</summary>
    /// <param name="options">The encoder; <c>Weights</c> is <c>null</c>, <c>"bundled"</c>, <c>"imagenet"</c> (in the user's cache, see <see cref="PretrainedWeights"/>) or the path of a weights file.</param>
    /// <returns>The encoder, owned by the caller.</returns>
    /// <exception cref="ArgumentException">The options are not valid.</exception>
    /// <exception cref="WeightsException">The weights cannot be read or do not fit.</exception>
    public static ResNet50Encoder Create(ResNet50Options options)
    {
        var encoder = new ResNet50Encoder(options);
        Load(encoder);
        return encoder;
    }

    /// <summary>Loads the weights that the encoder's options name; does nothing where they name none.</summary>
    /// <param name="encoder">The encoder, for example of a U-Net.</param>
    /// <exception cref="WeightsException">The weights cannot be read or do not fit, or those of ImageNet are not in the cache: nothing is downloaded here.</exception>
    public static void Load(ResNet50Encoder encoder) => Load(encoder, cacheFolder: null);

    internal static void Load(ResNet50Encoder encoder, string? cacheFolder)
    {
        switch (encoder.Options.Weights)
        {
            case null:
                return;
            case ResNet50Options.Bundled:
                ModuleWeights.Load(encoder, BundledPath);
                return;
            case ResNet50Options.ImageNet:
                EncoderWeights.Load(encoder, (encoder.Options.IncludeTop ? PretrainedWeights.ImageNetWithTop : PretrainedWeights.ImageNet).Require(cacheFolder));
                return;
            case string path:
                EncoderWeights.Load(encoder, path);
                return;
        }
    }
}
