using UnetResnet.Models;
using UnetResnet.Weights;
using static TorchSharp.torch;

namespace UnetResnet.Lab.Commands;

/// <summary>A ResNet50 with its classifier, built to fit a file of weights.</summary>
internal static class ClassifierFile
{
    /// <summary>Reads width, architecture and number of classes off the tensors' shapes and loads them.</summary>
    /// <param name="path">Safetensors or <c>.pth</c>, with the names of this kit or torchvision's.</param>
    /// <returns>The classifier, owned by the caller.</returns>
    /// <exception cref="WeightsException">The file holds no such network.</exception>
    public static ResNet50Encoder Load(string path)
    {
        ResNet50Options options;
        using (NewDisposeScope())
        {
            Dictionary<string, Tensor> tensors = StateFile.Read(path).Tensors.ToDictionary();
            Tensor? top = tensors.GetValueOrDefault("fc1000.weight") ?? tensors.GetValueOrDefault("fc.weight");
            if (!tensors.TryGetValue("conv1.weight", out Tensor? kernel) || kernel.dim() != 4 || top is null)
                throw new WeightsException($"{path} holds no 'conv1.weight' and 'fc1000.weight' or 'fc.weight'. Expected a ResNet50 with its classifier; for a U-Net give its masks with --masks.");
            options = (tensors.ContainsKey("conv1.bias") ? new ResNet50Options() : ResNet50Options.Torchvision) with { Width = (int)kernel.shape[0], IncludeTop = true, Classes = (int)top.shape[0] };
        }

        var classifier = new ResNet50Encoder(options);
        try
        {
            EncoderWeights.Load(classifier, path);
            return classifier;
        }
        catch
        {
            classifier.Dispose();
            throw;
        }
    }
}
