using static TorchSharp.torch.nn;

namespace UnetResnet.Normalization;

/// <summary>
/// Remembers the training flag of every module, the <see cref="BatchNormMode"/> of every <see cref="ModalBatchNorm2d"/> and whether its γ and β receive
/// gradients, and puts them back when disposed. The values of parameters and buffers are not part of it.
/// </summary>
public sealed class ModeSnapshot : IDisposable
{
    private readonly List<(Module Module, bool Training)> flags = [];
    private readonly List<(ModalBatchNorm2d Layer, BatchNormMode Mode, bool Weight, bool Bias)> modes = [];

    /// <summary>Takes the snapshot.</summary>
    /// <param name="module">The module whose modes are remembered, with everything below it.</param>
    public ModeSnapshot(Module module)
    {
        flags.Add((module, module.training));
        foreach ((_, Module child) in module.named_modules()) flags.Add((child, child.training));
        foreach ((_, ModalBatchNorm2d layer) in module.BatchNormLayers()) modes.Add((layer, layer.Mode, layer.Weight.requires_grad, layer.Bias.requires_grad));
    }

    /// <summary>Puts back what was remembered.</summary>
    public void Dispose()
    {
        // train() reaches the children too, so parents go first: each child then has the last word about itself.
        foreach ((Module module, bool training) in flags) module.train(training);
        foreach ((ModalBatchNorm2d layer, BatchNormMode mode, bool weight, bool bias) in modes)
        {
            layer.Mode = mode;
            // The mode has its own opinion, and the user may have set another.
            layer.Weight.requires_grad_(weight);
            layer.Bias.requires_grad_(bias);
        }
    }
}
