using static TorchSharp.torch.nn;

namespace UnetResnet.Normalization;

/// <summary>
/// Holds the running statistics still as long as it is not disposed: layers that normalise by the batch in training use the running statistics there too. What is
/// trained stays trained (<see cref="BatchNormMode.Trainable"/> becomes <see cref="BatchNormMode.AffineOnly"/>, frozen modes become
/// <see cref="BatchNormMode.Inference"/>). For the last epochs of a training, so that what is learnt there is learnt for inference (Wu and Johnson 2021, "Rethinking
/// 'Batch' in BatchNorm").
/// </summary>
public sealed class StillStatistics : IDisposable
{
    private readonly List<(ModalBatchNorm2d Layer, BatchNormMode Mode, bool Weight, bool Bias)> layers;

    /// <summary>Switches the layers.</summary>
    /// <param name="module">The module whose batch-norm layers are held.</param>
    public StillStatistics(Module module)
    {
        layers = [.. module.BatchNormLayers().Where(l => l.Layer.Mode.UsesBatchStatistics(training: true))
            .Select(l => (l.Layer, l.Layer.Mode, l.Layer.Weight.requires_grad, l.Layer.Bias.requires_grad))];
        foreach (var (layer, mode, weight, bias) in layers) Set(layer, mode.TrainsAffine() ? BatchNormMode.AffineOnly : BatchNormMode.Inference, weight, bias);
    }

    /// <summary>Puts the modes back.</summary>
    public void Dispose()
    {
        foreach (var (layer, mode, weight, bias) in layers) Set(layer, mode, weight, bias);
    }

    private static void Set(ModalBatchNorm2d layer, BatchNormMode mode, bool weight, bool bias)
    {
        layer.Mode = mode;
        // The mode has its own opinion, and the user may have set another.
        layer.Weight.requires_grad_(weight);
        layer.Bias.requires_grad_(bias);
    }
}
