using System.Globalization;
using UnetResnet.Models;
using static TorchSharp.torch;

namespace UnetResnet.Weights;

/// <summary>
/// Builds the U-Net that a weights file holds. Width, architecture and decoder are told by the names and shapes; what they cannot tell (padding, ε, dropout) stands in the metadata
/// of <see cref="PyTorchExport"/>'s files and is the default elsewhere.
/// </summary>
public static class UNetFile
{
    internal const string Padding = "padding", Stride = "stride", EncoderEps = "encoder_eps", DecoderEps = "decoder_eps", Dropout = "dropout";

    private const string FirstKernel = "encoder.conv1.weight";

    /// <summary>Builds and loads.</summary>
    /// <param name="path">A file of <see cref="ModuleWeights.Save"/> or <see cref="PyTorchExport"/>, or a <c>.pth</c> with the state dict of that export's PyTorch twin.</param>
    /// <returns>The network, trainable throughout, on the CPU, owned by the caller.</returns>
    /// <exception cref="WeightsException">The file is missing, damaged, or does not hold such a network.</exception>
    public static UNetResNet50 Load(string path)
    {
        using var scope = NewDisposeScope();
        StateFile file = StateFile.Read(path);
        UNetResNet50? unet = null;
        try
        {
            unet = new UNetResNet50(Describe(file, path));
            // PyTorch's batch norm counts its batches; nothing here uses the number.
            var tensors = file.Tensors.Where(t => !t.Key.EndsWith(".num_batches_tracked", StringComparison.Ordinal)).ToDictionary();
            StateLoading.Apply(unet, tensors, byName: false, new LoadReport { Path = path, Format = file.Format, Family = nameof(UNetResNet50), Matched = [] });
            return unet;
        }
        catch (Exception e)
        {
            unet?.Dispose();
            if (e is ArgumentException) throw new WeightsException($"{path} holds no UNetResNet50 that can be built. {e.Message}", e);
            throw;
        }
    }

    private static UNetOptions Describe(StateFile file, string path)
    {
        if (!file.Tensors.TryGetValue(FirstKernel, out Tensor? kernel) || kernel.dim() != 4)
            throw new WeightsException($"{path} holds no '{FirstKernel}' of four dimensions. Expected the weights of a UNetResNet50, as ModuleWeights.Save(unet, path) writes them.");
        long width = kernel.shape[0], numbers = file.Tensors.Values.Sum(t => t.numel());
        // A ResNet50 has 5758 w² numbers. Nothing large is built for a file that does not hold it.
        if (width > 4096 || numbers < 5000 * width * width)
            throw new WeightsException($"{path} holds {numbers} numbers, fewer than a UNetResNet50 of width {width}, which its '{FirstKernel}' promises. It is cut short, or of another network.");

        // Only Keras's convolutions have biases.
        ResNet50Options encoder = file.Tensors.ContainsKey("encoder.conv1.bias") ? new ResNet50Options() : ResNet50Options.Torchvision;
        var options = new UNetOptions();
        return options with
        {
            Classes = file.Tensors.TryGetValue("decoder.prediction.weight", out Tensor? prediction) ? (int)prediction.shape[0] : options.Classes,
            DecoderBatchNorm = file.Tensors.Keys.Any(name => name.StartsWith("decoder.", StringComparison.Ordinal) && name.EndsWith(".running_mean", StringComparison.Ordinal)),
            SpatialDropout = Number(file, Dropout, options.SpatialDropout, path),
            BatchNorm = options.BatchNorm with { Eps = Number(file, DecoderEps, options.BatchNorm.Eps, path) },
            Encoder = encoder with
            {
                Width = (int)width,
                Padding = PaddingOf(file, encoder.Padding, path),
                BatchNorm = encoder.BatchNorm with { Eps = Number(file, EncoderEps, encoder.BatchNorm.Eps, path) },
            },
        };
    }

    private static double Number(StateFile file, string name, double otherwise, string path)
    {
        if (!file.Metadata.TryGetValue(name, out string? text)) return otherwise;
        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && number is > 0 and < 1 or 0 && (number > 0 || name == Dropout)
            ? number
            : throw new WeightsException($"{path}: {name} is '{text}' in its metadata and should be a number {(name == Dropout ? "from 0 to below 1" : "above 0 and below 1")}. Write the file again.");
    }

    private static ConvolutionPadding PaddingOf(StateFile file, ConvolutionPadding otherwise, string path) => file.Metadata.GetValueOrDefault(Padding) switch
    {
        null => otherwise,
        "same" => ConvolutionPadding.Same,
        "symmetric" => ConvolutionPadding.Symmetric,
        var other => throw new WeightsException($"{path}: {Padding} is '{other}' in its metadata and should be same or symmetric. Write the file again."),
    };
}
