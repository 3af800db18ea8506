using UnetResnet.Models;
using UnetResnet.Weights;
using static TorchSharp.torch;

namespace UnetResnet.Lab.Commands;

/// <summary>A ResNet50 with its classifier: a file of <c>encoder.Save</c>, or torchvision's <c>resnet50</c>, whose padding and ε are known.</summary>
internal static class ClassifierFile
{
    /// <summary>Builds and loads.</summary>
    /// <param name="path">Safetensors or <c>.pth</c>.</param>
    /// <param name="options">What it was built from, if the file does not say it.</param>
    /// <returns>The classifier, owned by the caller.</returns>
    /// <exception cref="WeightsException">The file holds no such network.</exception>
    public static ResNet50Encoder Load(string path, ResNet50Options? options)
    {
        if (Torchvision(path) is { } torchvision) return ResNet50Encoder.Create(torchvision, path);
        ResNet50Encoder network = ResNet50Encoder.Load(path, options);
        if (network.Options.IncludeTop) return network;
        network.Dispose();
        throw new WeightsException($"{path} holds a ResNet50 without classifier, which gives features and no classes. Expected one with its classifier; for a U-Net give its masks with --masks.");
    }

    /// <summary>Width and number of classes of a file with torchvision's names, from its shapes; null for other files that may hold a classifier.</summary>
    private static ResNet50Options? Torchvision(string path)
    {
        using var scope = NewDisposeScope();
        IReadOnlyDictionary<string, Tensor> tensors = StateFile.Read(path).Tensors;
        if (tensors.ContainsKey("encoder.conv1.weight")) throw new WeightsException($"{path} holds a U-Net, which is examined on images with masks. Name their folder with --masks.");
        return tensors.TryGetValue("fc.weight", out Tensor? top) && tensors.TryGetValue("conv1.weight", out Tensor? kernel) && kernel.dim() == 4
            ? ResNet50Options.Torchvision with { Width = (int)kernel.shape[0], IncludeTop = true, Classes = (int)top.shape[0] }
            : null;
    }
}
