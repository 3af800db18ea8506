using UnetResnet.Models;
using UnetResnet.Normalization;

namespace UnetResnet.Weights;

/// <summary>
/// <c>ResNet50Encoder.Create</c>, <c>ResNet50Encoder.Load</c> and <c>encoder.Save</c>, for encoders and classifiers of this kit; weights from elsewhere go through <see cref="EncoderWeights"/>.
/// Languages without C# 14's extension members call this class instead: <c>ResNet50EncoderFiles.Load(path)</c>.
/// </summary>
public static class ResNet50EncoderFiles
{
    extension(ResNet50Encoder)
    {
        /// <summary>Builds a pre-trained encoder.</summary>
        /// <param name="options">The network.</param>
        /// <param name="weights"><c>null</c> (random), <c>"bundled"</c> (width 16), <c>"imagenet"</c> (width 64, in the user's cache, see <see cref="PretrainedWeights"/>) or the path of a file.</param>
        /// <returns>The encoder on the CPU, owned by the caller.</returns>
        /// <exception cref="ArgumentException">The options are not valid, or not those of these weights.</exception>
        /// <exception cref="WeightsException">The weights cannot be read or do not fit, or those of ImageNet are not in the cache: nothing is downloaded here.</exception>
        public static ResNet50Encoder Create(ResNet50Options options, string? weights) => NamedWeights.Create(options, weights, () => new ResNet50Encoder(options), encoder => encoder);

        /// <summary>Builds the encoder or classifier that a file of <c>Save</c> describes and loads it.</summary>
        /// <param name="path">The file.</param>
        /// <param name="options">What the network was built from, if the file does not say it; they must be the file's if it does.</param>
        /// <returns>The network in training mode on the CPU, owned by the caller.</returns>
        /// <exception cref="ArgumentException">The options are not valid.</exception>
        /// <exception cref="WeightsException">The file is missing, damaged, does not say what it was built from, or does not hold such a network.</exception>
        public static ResNet50Encoder Load(string path, ResNet50Options? options = null) => ModelFile.Load(path, options?.Validate(), o => o, o => new ResNet50Encoder(o), encoder => encoder);
    }

    extension(ResNet50Encoder encoder)
    {
        /// <summary>Saves the network as safetensors, with everything that builds it in the header: options, batch-norm modes, group normalisation, what is frozen, preprocessing. It is not changed.</summary>
        /// <param name="path">The file, ending in <c>.safetensors</c>; replaced if it exists, never half-written.</param>
        /// <exception cref="ArgumentException">Another ending.</exception>
        public void Save(string path) => ModelFile.Write(encoder, Header(encoder), path);
    }

    /// <summary>The encoder's options with the batch-norm options that its layers have now.</summary>
    internal static ResNet50Options Current(ResNet50Encoder encoder) => encoder.Options with { BatchNorm = ModelHeader.Common(encoder, encoder.Options.BatchNorm) };

    private static Dictionary<string, string> Header(ResNet50Encoder encoder)
    {
        ResNet50Options options = Current(encoder);
        return ModelHeader.Of(
            encoder, options, [.. encoder.named_modules().Where(m => m.module is ModalBatchNorm2d).Select(m => (m.name, (ModalBatchNorm2d)m.module, options.BatchNorm))], encoder.Preprocessing);
    }
}
