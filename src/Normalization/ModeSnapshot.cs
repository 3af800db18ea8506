using static TorchSharp.torch.nn;

namespace UnetResnet.Normalization;

/// <summary>
/// Remembers the training flag of every module, the <see cref="BatchNormMode"/> of every batch-norm layer and whether its γ and β receive gradients, and puts them
/// back when disposed. The values of parameters and buffers are not part of it.
/// </summary>
public sealed class ModeSnapshot : IDisposable
{
    private readonly List<(Module Module, bool Training)> flags;
    private readonly List<(BatchNormLayer Layer, BatchNormMode Mode, bool? Weight, bool? Bias)> modes;

    /// <summary>Takes the snapshot.</summary>
    /// <param name="module">The module whose modes are remembered, with everything below it.</param>
    public ModeSnapshot(Module module)
    {
        flags = [(module, module.training), .. module.named_modules().Select(m => (m.module, m.module.training))];
        modes = [.. BatchNormLayer.In(module).Where(layer => layer is not FrozenLayer).Select(layer => (layer, layer.Mode, layer.Weight?.requires_grad, layer.Bias?.requires_grad))];
    }

    /// <summary>Puts back what was remembered.</summary>
    public void Dispose()
    {
        PutModesBack();
        // train() reaches the children too, so parents go first: each child then has the last word about itself.
        foreach ((Module module, bool training) in flags) if (module.training != training) module.train(training);
    }

    /// <summary>Puts back the modes only and leaves the training flags as they are now.</summary>
    internal void PutModesBack()
    {
        foreach ((BatchNormLayer layer, BatchNormMode mode, bool? weight, bool? bias) in modes)
        {
            layer.Mode = mode;
            // The mode has its own opinion, and the user may have set another.
            if (weight is bool trainsWeight) layer.Weight?.requires_grad_(trainsWeight);
            if (bias is bool trainsBias) layer.Bias?.requires_grad_(trainsBias);
        }
    }
}
