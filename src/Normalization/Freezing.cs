using static TorchSharp.torch.nn;

namespace UnetResnet.Normalization;

/// <summary>Freezing and unfreezing of a module and everything below it. Freezing survives <c>train()</c>, because batch-norm modes do.</summary>
public static class Freezing
{
    /// <summary>
    /// Freezes: no parameter receives gradients, except γ and β where <paramref name="mode"/> trains them; every batch-norm layer, this library's or TorchSharp's,
    /// takes the mode.
    /// </summary>
    /// <param name="module">The module, for example <c>unet.Encoder</c>.</param>
    /// <param name="mode">What a frozen batch-norm layer does. <see cref="BatchNormMode.Inference"/> is the cure, <see cref="BatchNormMode.Keras213"/> the bug.</param>
    /// <returns>What was done.</returns>
    /// <exception cref="ArgumentException">The mode is <see cref="BatchNormMode.Trainable"/>, or a layer without running statistics cannot take it. Nothing is changed then.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There is no such mode. Nothing is changed then.</exception>
    public static FreezeReport Freeze(this Module module, BatchNormMode mode) => Apply(module, _ => true, CheckFrozen(mode), train: false);

    /// <summary>Freezes a part of a module, chosen by name.</summary>
    /// <param name="module">The module.</param>
    /// <param name="which">Receives the dotted names of parameters (<c>encoder.conv1.weight</c>) and of batch-norm layers (<c>encoder.bn_conv1</c>).</param>
    /// <param name="mode">What the chosen batch-norm layers do; it decides on their γ and β too.</param>
    /// <returns>What was done.</returns>
    /// <exception cref="ArgumentException">No name was chosen, the mode is <see cref="BatchNormMode.Trainable"/>, or a layer without running statistics cannot take it. Nothing is changed then.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There is no such mode. Nothing is changed then.</exception>
    public static FreezeReport Freeze(this Module module, Func<string, bool> which, BatchNormMode mode)
    {
        CheckChosen(module, which);
        return Apply(module, which, CheckFrozen(mode), train: false);
    }

    /// <summary>Takes back <see cref="Freeze(Module, BatchNormMode)"/>: every parameter receives gradients, every batch-norm layer is <see cref="BatchNormMode.Trainable"/> or in another mode.</summary>
    /// <param name="module">The module.</param>
    /// <param name="mode">
    /// What its batch-norm layers do. <see cref="BatchNormMode.AffineOnly"/> keeps the running statistics in training too, which Keras's guide to fine-tuning asks for
    /// (<c>training=False</c>).
    /// </param>
    /// <returns>What was done.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There is no such mode. Nothing is changed then.</exception>
    public static FreezeReport Unfreeze(this Module module, BatchNormMode mode = BatchNormMode.Trainable) => Apply(module, _ => true, mode, train: true);

    /// <summary>Unfreezes a part of a module, chosen by name.</summary>
    /// <param name="module">The module.</param>
    /// <param name="which">Receives the dotted names of parameters and of batch-norm layers.</param>
    /// <param name="mode">What the chosen batch-norm layers do; it decides on their γ and β too.</param>
    /// <returns>What was done.</returns>
    /// <exception cref="ArgumentException">No name was chosen. Nothing is changed then.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There is no such mode. Nothing is changed then.</exception>
    public static FreezeReport Unfreeze(this Module module, Func<string, bool> which, BatchNormMode mode = BatchNormMode.Trainable)
    {
        CheckChosen(module, which);
        return Apply(module, which, mode, train: true);
    }

    /// <summary>Gives every batch-norm layer in the module a mode and leaves all other parameters alone.</summary>
    /// <param name="module">The module.</param>
    /// <param name="mode">What the layers do from now on.</param>
    /// <exception cref="ArgumentException">A layer without running statistics cannot take the mode. Nothing is changed then.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There is no such mode. Nothing is changed then.</exception>
    public static void SetBatchNormMode(this Module module, BatchNormMode mode)
    {
        var layers = module.BatchNormLayers();
        CheckTakes(layers, mode);
        foreach ((_, BatchNormLayer layer) in layers) layer.Mode = mode;
    }

    /// <summary>
    /// The batch-norm layers of a module with their names, in the order of registration, which is the order of the forward pass in this library. Layers that are folded
    /// or replaced (<see cref="BatchNormLayer.ReplacedBy"/>) are none, nor is a <see cref="FrozenBatchNorm2d"/>, which nothing changes.
    /// </summary>
    /// <param name="module">The module; may be such a layer itself, whose name is then empty.</param>
    public static IReadOnlyList<(string Name, BatchNormLayer Layer)> BatchNormLayers(this Module module) =>
        [.. BatchNormLayer.In(module).Where(layer => layer is not FrozenLayer).Select(layer => (layer.Name, layer))];

    /// <summary>Throws if nothing was chosen: a name that is spelt wrong would otherwise freeze nothing without a word.</summary>
    private static void CheckChosen(Module module, Func<string, bool> which)
    {
        ArgumentNullException.ThrowIfNull(which);
        if (module.named_parameters().Any(p => which(p.name)) || module.BatchNormLayers().Any(l => which(l.Name))) return;
        throw new ArgumentException(
            $"The function chose none of {module.GetName()}'s parameters and batch-norm layers, which have names such as '{module.named_parameters().Select(p => p.name).FirstOrDefault()}'. Its children are {string.Join(", ", module.named_children().Select(c => c.name))}.",
            nameof(which));
    }

    private static BatchNormMode CheckFrozen(BatchNormMode mode) => mode != BatchNormMode.Trainable
        ? mode
        : throw new ArgumentException("A frozen module cannot have trainable batch norm. Use Unfreeze(), or AffineOnly to train γ and β alone.", nameof(mode));

    private static void CheckTakes(IEnumerable<(string Name, BatchNormLayer Layer)> layers, BatchNormMode mode)
    {
        _ = mode.TrainsAffine(); // throws if there is no such mode
        if (layers.Select(l => l.Layer.Refuses(mode)).FirstOrDefault(reason => reason is not null) is { } refusal) throw new ArgumentException(refusal, nameof(mode));
    }

    /// <summary>Sets what the chosen parameters and layers do.</summary>
    private static FreezeReport Apply(Module module, Func<string, bool> which, BatchNormMode mode, bool train)
    {
        var layers = module.BatchNormLayers().Where(l => which(l.Name)).ToList();
        CheckTakes(layers, mode);
        foreach ((string name, var parameter) in module.named_parameters())
        {
            if (which(name)) parameter.requires_grad_(train);
        }

        foreach ((_, BatchNormLayer layer) in layers) layer.Mode = mode;
        long Count(bool chosen, bool trained) => module.named_parameters().Where(p => which(p.name) == chosen && p.parameter.requires_grad == trained).Sum(p => p.parameter.numel());
        return new FreezeReport(mode, Count(true, false), Count(true, true), [.. layers.Select(l => l.Name)], Count(false, true));
    }
}
