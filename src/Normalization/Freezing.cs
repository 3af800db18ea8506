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
    /// <returns>What was done.</returns>
    /// <exception cref="ArgumentException">The mode is <see cref="BatchNormMode.Trainable"/>, or there is a batch-norm layer that has no modes. Nothing is changed then.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There is no such mode. Nothing is changed then.</exception>
    public static FreezeReport Freeze(this Module module, BatchNormMode mode)
    {
        CheckMode(module, _ => true, mode);
        return Apply(module, _ => true, mode, train: false);
    }

    /// <summary>Undoes <see cref="Freeze"/>: every parameter receives gradients, every batch-norm layer is <see cref="BatchNormMode.Trainable"/>.</summary>
    /// <param name="module">The module.</param>
    /// <returns>What was done.</returns>
    public static FreezeReport Unfreeze(this Module module) => Apply(module, _ => true, BatchNormMode.Trainable, train: true);

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

    /// <summary>Whether a name is a prefix's or below it.</summary>
    internal static bool IsBelow(string name, string prefix) => prefix.Length == 0 || name == prefix || name.StartsWith(prefix + ".", StringComparison.Ordinal);

    /// <summary>Says that something has the name.</summary>
    /// <exception cref="ArgumentException">Nothing has.</exception>
    internal static void CheckPrefix(Module model, string prefix)
    {
        ArgumentNullException.ThrowIfNull(prefix);
        if (prefix.Length == 0 || model.named_modules().Select(m => m.name).Concat(model.named_parameters().Select(p => p.name)).Any(name => IsBelow(name, prefix))) return;
        throw new ArgumentException($"Nothing in {model.GetName()} is called '{prefix}'. Its children are {string.Join(", ", model.named_children().Select(c => c.name))}.", nameof(prefix));
    }

    /// <summary>Says that a part can be frozen in a mode.</summary>
    /// <exception cref="ArgumentException">It cannot.</exception>
    internal static void CheckMode(Module module, Func<string, bool> which, BatchNormMode mode)
    {
        if (mode == BatchNormMode.Trainable)
            throw new ArgumentException("A frozen module cannot have trainable batch norm. Use Unfreeze(), or AffineOnly to train γ and β alone.", nameof(mode));
        _ = mode.TrainsAffine(); // throws if there is no such mode
        foreach ((string name, Module layer) in module.named_modules().Where(m => which(m.name)).Prepend((module.GetName(), module)))
        {
            if (layer is TorchSharp.Modules.BatchNorm)
                throw new ArgumentException($"'{name}' is a {layer.GetType().Name} of TorchSharp: train() would set it back to batch statistics. Use ModalBatchNorm2d or FrozenBatchNorm2d in its place.", nameof(module));
        }
    }

    /// <summary>Sets what the picked parameters and layers do.</summary>
    internal static FreezeReport Apply(Module module, Func<string, bool> which, BatchNormMode mode, bool train)
    {
        _ = mode.TrainsAffine(); // throws if there is no such mode
        foreach ((string name, var parameter) in module.named_parameters())
        {
            if (which(name)) parameter.requires_grad_(train);
        }

        var layers = module.BatchNormLayers().Where(l => which(l.Name)).ToList();
        foreach ((_, ModalBatchNorm2d layer) in layers) layer.Mode = mode;
        long Count(bool picked, bool trained) => module.named_parameters().Where(p => which(p.name) == picked && p.parameter.requires_grad == trained).Sum(p => p.parameter.numel());
        return new FreezeReport(mode, Count(true, false), Count(true, true), [.. layers.Select(l => l.Name)], Count(false, true));
    }
}
