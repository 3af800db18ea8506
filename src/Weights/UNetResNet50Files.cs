using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Runtime;

namespace UnetResnet.Weights;

/// <summary><c>UNetResNet50.Create</c>, <c>UNetResNet50.Load</c> and <c>unet.Save</c>. Languages without C# 14's extension members call this class instead: <c>UNetResNet50Files.Load(path)</c>.</summary>
public static class UNetResNet50Files
{
    extension(UNetResNet50)
    {
        /// <summary>Builds a U-Net whose encoder is pre-trained and whose decoder is random, trainable throughout.</summary>
        /// <param name="options">The network.</param>
        /// <param name="weights">The encoder's weights: <c>null</c> (random), <c>"bundled"</c>, <c>"imagenet"</c> or the path of a file, see <see cref="EncoderWeights"/>.</param>
        /// <returns>The network on the CPU, owned by the caller.</returns>
        /// <exception cref="ArgumentException">The options are not valid, or not those of these weights.</exception>
        /// <exception cref="WeightsException">The weights cannot be read or do not fit, or those of ImageNet are not in the cache: nothing is downloaded here.</exception>
        public static UNetResNet50 Create(UNetOptions options, string? weights) => NamedWeights.Create(options.Encoder, weights, () => new UNetResNet50(options), unet => unet.Encoder);

        /// <summary>Builds the network that a file describes and loads it: the same logits, bit for bit, the same modes, the same parameters frozen.</summary>
        /// <param name="path">A file of <c>Save</c> or <see cref="PyTorchExport"/>, or with <paramref name="options"/> a state dict without a description (<c>.pth</c>, <c>.dat</c>).</param>
        /// <param name="options">What the network was built from, if the file does not say it; they must be the file's if it does.</param>
        /// <returns>The network in training mode on the CPU, owned by the caller.</returns>
        /// <exception cref="ArgumentException">The options are not valid.</exception>
        /// <exception cref="WeightsException">The file is missing, damaged, does not say what it was built from, or does not hold such a network.</exception>
        public static UNetResNet50 Load(string path, UNetOptions? options = null) => ModelFile.Load(path, options?.Validate(), o => o.Encoder, o => new UNetResNet50(o), unet => unet.Encoder);
    }

    extension(UNetResNet50 unet)
    {
        /// <summary>Saves the network as safetensors, with everything that builds it in the header: options, batch-norm modes, group normalisation, what is frozen, the encoder's preprocessing. It is not changed.</summary>
        /// <param name="path">The file, ending in <c>.safetensors</c>; replaced if it exists, never half-written.</param>
        /// <exception cref="ArgumentException">Another ending.</exception>
        public void Save(string path) => ModelFile.Write(unet, Header(unet), path);
    }

    internal static Dictionary<string, string> Header(UNetResNet50 unet)
    {
        UNetOptions options = unet.Options with
        {
            Encoder = ResNet50EncoderFiles.Current(unet.Encoder),
            BatchNorm = unet.Options.DecoderBatchNorm ? ModelHeader.Common(unet.Decoder, unet.Options.BatchNorm) : unet.Options.BatchNorm,
        };
        return ModelHeader.Of(
            unet, options,
            [.. unet.named_modules().Where(m => m.module is ModalBatchNorm2d)
                .Select(m => (m.name, (ModalBatchNorm2d)m.module, DottedName.IsIn(m.name, "encoder") ? options.Encoder.BatchNorm : options.BatchNorm))],
            unet.Encoder.Preprocessing);
    }
}
