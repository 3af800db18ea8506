using static TorchSharp.torch.nn;

namespace UnetResnet.Normalization;

/// <summary>Freezing and unfreezing of a module and everything below it. Freezing survives <c>train()</c>.</summary>
public static class Freezing
{
    /// <summary>
    /// Freezes: no parameter receives gradients, except γ and β where <paramref name="mode"/> trains them; every
    /// <see cref="ModalBatchNorm2d"/> takes the mode.
    /// </summary>
    /// <param name="module">The module, for example <c>unet.Encoder</c>.</param>
    /// <param name="mode">What a frozen batch-norm layer does. <see cref="BatchNormMode.Inference"/> is the cure, <see cref="BatchNormMode.Keras213"/> the bug.</param>
    /// <exception cref="ArgumentException">The mode is <see cref="BatchNormMode.Trainable"/>, or there is a batch-norm layer that has no modes. Nothing is changed then.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There is no such mode. Nothing is changed then.</exception>
    public static void Freeze(this Module module, BatchNormMode mode)
    {
        if (mode == BatchNormMode.Trainable)
            throw new ArgumentException("A frozen module cannot have trainable batch norm. Use Unfreeze(), or AffineOnly to train γ and β alone.", nameof(mode));
        _ = mode.TrainsAffine(); // throws if there is no such mode
        foreach ((string name, Module layer) in module.named_modules().Prepend((module.GetName(), module)))
        {
            if (layer is TorchSharp.Modules.BatchNorm)
                throw new ArgumentException($"'{name}' is a {layer.GetType().Name} of TorchSharp: train() would set it back to batch statistics. Use ModalBatchNorm2d or FrozenBatchNorm2d in its place.", nameof(module));
        }

        foreach (var parameter in module.parameters()) parameter.requires_grad_(false);
        SetBatchNormMode(module, mode);
    }

    /// <summary>Undoes <see cref="Freeze"/>: every parameter receives gradients, every batch-norm layer is <see cref="BatchNormMode.Trainable"/>.</summary>
    /// <param name="module">The module.</param>
    public static void Unfreeze(this Module module)
    {
        foreach (var parameter in module.parameters()) parameter.requires_grad_(true);
        SetBatchNormMode(module, BatchNormMode.Trainable);
    }

    /// <summary>Gives every <see cref="ModalBatchNorm2d"/> in the module a mode and leaves all other parameters alone.</summary>
    /// <param name="module">The module.</param>
    /// <param name="mode">What the layers do from now on.</param>
    public static void SetBatchNormMode(this Module module, BatchNormMode mode)
    {
        foreach ((_, ModalBatchNorm2d layer) in module.BatchNormLayers()) layer.Mode = mode;
    }

    /// <summary>
    /// The batch-norm layers of a module with their names, in the order of registration, which is the order of the forward pass in this library. Layers that are folded
    /// or replaced (<see cref="ModalBatchNorm2d.ReplacedBy"/>) are none.
    /// </summary>
    /// <param name="module">The module; may be such a layer itself, whose name is then empty.</param>
    public static IReadOnlyList<(string Name, ModalBatchNorm2d Layer)> BatchNormLayers(this Module module)
    {
        var layers = new List<(string, ModalBatchNorm2d)>();
        if (module is ModalBatchNorm2d { Replacement: null } itself) layers.Add(("", itself));
        foreach ((string name, Module child) in module.named_modules())
        {
            if (child is ModalBatchNorm2d { Replacement: null } layer) layers.Add((name, layer));
        }

        return layers;
    }
}
