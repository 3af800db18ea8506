using static TorchSharp.torch.nn;

namespace UnetResnet.Normalization;

/// <summary>
/// Holds the running statistics still as long as it is not disposed: layers that normalise by the batch in training use the running statistics there too. What is
/// trained stays trained (<see cref="BatchNormMode.Trainable"/> becomes <see cref="BatchNormMode.AffineOnly"/>, frozen modes become
/// <see cref="BatchNormMode.Inference"/>). A scope and no cure: a trainer opens it for an epoch, and the network that it leaves has its own modes.
/// </summary>
internal sealed class StillStatistics : IDisposable
{
    private readonly ModeSnapshot before;

    /// <summary>Switches the layers that keep running statistics.</summary>
    /// <param name="module">The module whose batch-norm layers are held.</param>
    public StillStatistics(Module module)
    {
        before = new ModeSnapshot(module);
        foreach ((_, BatchNormLayer layer) in module.BatchNormLayers().Where(l => l.Layer.HasStatistics && l.Layer.Mode.UsesBatchStatistics(training: true)))
        {
            (bool? weight, bool? bias) = (layer.Weight?.requires_grad, layer.Bias?.requires_grad);
            layer.Mode = layer.Mode.TrainsAffine() ? BatchNormMode.AffineOnly : BatchNormMode.Inference;
            if (weight is bool trainsWeight) layer.Weight?.requires_grad_(trainsWeight);
            if (bias is bool trainsBias) layer.Bias?.requires_grad_(trainsBias);
        }
    }

    /// <summary>Puts the modes back.</summary>
    public void Dispose() => before.PutModesBack();
}
