using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Normalization;

/// <summary>
/// A batch-norm layer of any network, seen in one way: a <see cref="ModalBatchNorm2d"/>, TorchSharp's BatchNorm1d, 2d or 3d, or a <see cref="FrozenBatchNorm2d"/>. It is
/// a view: modes belong to the layer, and every tensor is looked up when asked for, because <c>to()</c> replaces tensors.
/// </summary>
/// <remarks>A layer of TorchSharp gets its mode through hooks, which work where the network runs it with <c>call</c>, as TorchSharp's own containers do.</remarks>
public abstract class BatchNormLayer
{
    private protected BatchNormLayer(string name, Module<Tensor, Tensor> module) => (Name, Module) = (name, module);

    /// <summary>Dotted name in the network; empty where the module that was asked is the layer itself.</summary>
    public string Name { get; }

    /// <summary>The layer itself.</summary>
    public Module<Tensor, Tensor> Module { get; }

    /// <summary>What the layer does. Setting it also sets whether γ and β receive gradients; it survives <c>train()</c>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such mode.</exception>
    /// <exception cref="ArgumentException">The layer cannot be in that mode, for example without running statistics.</exception>
    public abstract BatchNormMode Mode { get; set; }

    /// <summary>ε, momentum and how the running statistics move. Layers of TorchSharp have PyTorch's, in which only ε and momentum can be changed.</summary>
    /// <exception cref="ArgumentException">The layer cannot do that.</exception>
    public abstract BatchNormOptions Options { get; set; }

    /// <summary>γ, shape (C), or null where the layer has none, which is γ = 1. Owned by the layer.</summary>
    public abstract Tensor? Weight { get; }

    /// <summary>β, shape (C), or null where the layer has none, which is β = 0. Owned by the layer.</summary>
    public abstract Tensor? Bias { get; }

    /// <summary>Running mean, shape (C). Owned by the layer; write to it with <c>copy_</c> under <c>no_grad</c>.</summary>
    /// <exception cref="InvalidOperationException">The layer keeps no running statistics.</exception>
    public Tensor RunningMean => Mean ?? throw WithoutStatistics();

    /// <summary>Running variance, shape (C). Owned by the layer; write to it with <c>copy_</c> under <c>no_grad</c>.</summary>
    /// <exception cref="InvalidOperationException">The layer keeps no running statistics.</exception>
    public Tensor RunningVar => Variance ?? throw WithoutStatistics();

    /// <summary>Whether the layer keeps running statistics.</summary>
    public bool HasStatistics => Mean is not null && Variance is not null;

    /// <summary>Number of channels C.</summary>
    public abstract long Channels { get; }

    /// <summary>What computes in the layer's place ("folded", "GroupNorm(8)"), or null for batch norm.</summary>
    public string? ReplacedBy => Replacement?.Name;

    /// <inheritdoc/>
    public override string ToString() => $"{(Name.Length > 0 ? $"{Name}: " : "")}{Module.GetType().Name}({Channels}), {ReplacedBy ?? Mode.ToString()}";

    internal abstract Tensor? Mean { get; }

    internal abstract Tensor? Variance { get; }

    internal virtual NormReplacement? Replacement { get => null; set => throw new NotSupportedException($"A {Module.GetType().Name} cannot be replaced."); }

    /// <summary>Weight of the new value in the running statistics; 0 where they do not move, null for a cumulative average.</summary>
    internal virtual double? Momentum => Options.Momentum;

    /// <summary>Which statistics the layer uses with the training flag that it has now.</summary>
    internal bool UsesBatchNow => !HasStatistics || Mode.UsesBatchStatistics(Module.training);

    /// <summary>Whether a forward pass moves the running statistics with the training flag that the layer has now.</summary>
    internal bool UpdatesNow => HasStatistics && Module.training && Mode.UpdatesStatistics() && Momentum != 0;

    /// <summary>Normalises by the batch, or by the running statistics, from now on, and moves the latter by neither. What this changes is for a <see cref="ModeSnapshot"/> to put back.</summary>
    internal virtual void NormaliseBy(bool batch)
    {
        if (batch || HasStatistics) Mode = batch ? BatchNormMode.BatchOnly : BatchNormMode.Inference;
    }

    /// <summary>
    /// The scale and the shift per channel that the layer is in inference mode, after something that adds a bias: x·scale + shift with scale = γ/√(σ² + ε) and
    /// shift = β + (bias − μ)·scale.
    /// </summary>
    /// <param name="bias">What is added before, (C), or null for nothing.</param>
    /// <returns>float64 (C) each, owned by the caller's scope.</returns>
    /// <exception cref="InvalidOperationException">The layer keeps no running statistics.</exception>
    internal (Tensor Scale, Tensor Shift) InInference(Tensor? bias = null)
    {
        using var scope = NewDisposeScope();
        Tensor mean = RunningMean.to(float64), deviation = (RunningVar.to(float64) + Options.Eps).sqrt();
        Tensor scale = Weight is { } gamma ? gamma.to(float64) / deviation : deviation.reciprocal();
        Tensor shift = (bias is null ? -mean : bias.to(float64) - mean) * scale;
        if (Bias is { } beta) shift = beta.to(float64) + shift;
        return (scale.MoveToOuterDisposeScope(), shift.MoveToOuterDisposeScope());
    }

    /// <summary>Shows what arrives at the layer; calling the result ends it.</summary>
    /// <param name="see">Gets an input, which is valid during the call only.</param>
    internal virtual Action Watch(Action<Tensor> see) => Module.register_forward_pre_hook((_, input) =>
    {
        see(input);
        return input;
    }).remove;

    /// <summary>Counts what arrives at the layer; calling the result ends it.</summary>
    /// <param name="counter">Gets the statistics of every batch; stays the caller's.</param>
    internal virtual Action Count(PooledStatistics counter) => Watch(counter.Add);

    /// <summary>Whether the layer can be in a mode; if not, why.</summary>
    internal virtual string? Refuses(BatchNormMode mode) => null;

    /// <summary>Mean 0 and variance 1, as in a new layer.</summary>
    internal abstract void ResetStatistics();

    /// <summary>Remembers ε, momentum and what else moves the statistics and is no part of the state; calling the result puts it back.</summary>
    internal abstract Action RememberOptions();

    /// <summary>All batch-norm layers below a module and the module itself, each once, in the order of registration; replaced ones too.</summary>
    internal static IEnumerable<BatchNormLayer> All(Module module) => module.named_modules().Prepend((name: "", module))
        .DistinctBy(m => m.module, ReferenceEqualityComparer.Instance)
        .Select(m => m.module switch
        {
            ModalBatchNorm2d modal => new ModalLayer(m.name, modal),
            BatchNorm norm => new TorchLayer(m.name, norm),
            FrozenBatchNorm2d frozen => new FrozenLayer(m.name, frozen),
            _ => (BatchNormLayer?)null,
        }).OfType<BatchNormLayer>();

    /// <summary>Those that are batch norm now.</summary>
    internal static IReadOnlyList<BatchNormLayer> In(Module module) => [.. All(module).Where(layer => layer.Replacement is null)];

    /// <summary>An error for networks without any.</summary>
    internal static ArgumentException Missing(string name, string consequence) => new($"The network has no batch-norm layer (ModalBatchNorm2d, or TorchSharp's BatchNorm1d, 2d or 3d){consequence}.", name);

    private InvalidOperationException WithoutStatistics() => new($"The batch-norm layer '{Name}' keeps no running statistics. Create it with track_running_stats.");
}

/// <summary>A <see cref="ModalBatchNorm2d"/>.</summary>
internal sealed class ModalLayer(string name, ModalBatchNorm2d layer) : BatchNormLayer(name, layer)
{
    public override BatchNormMode Mode { get => layer.Mode; set => layer.Mode = value; }

    public override BatchNormOptions Options { get => layer.Options; set => layer.Options = value; }

    public override Tensor? Weight => layer.Weight;

    public override Tensor? Bias => layer.Bias;

    public override long Channels => layer.Channels;

    internal override Tensor? Mean => layer.RunningMean;

    internal override Tensor? Variance => layer.RunningVar;

    internal override NormReplacement? Replacement { get => layer.Replacement; set => layer.Replacement = value; }

    /// <summary>The layer shows its input itself: a hook would make the network compute layer by layer.</summary>
    internal override Action Watch(Action<Tensor> see)
    {
        layer.Watcher += see;
        return () => layer.Watcher -= see;
    }

    /// <summary>The layer counts itself, because where it normalises by the batch it has the statistics anyway; a hook would make the network compute layer by layer.</summary>
    internal override Action Count(PooledStatistics counter)
    {
        layer.Counter = counter;
        return () => layer.Counter = null;
    }

    internal override void ResetStatistics() => layer.ResetStatistics();

    internal override Action RememberOptions()
    {
        BatchNormOptions options = layer.Options;
        return layer.RememberAverages() + (() => layer.Options = options);
    }
}

/// <summary>A <see cref="FrozenBatchNorm2d"/>: always in inference mode, and nothing changes it.</summary>
internal sealed class FrozenLayer(string name, FrozenBatchNorm2d layer) : BatchNormLayer(name, layer)
{
    public override BatchNormMode Mode
    {
        get => BatchNormMode.Inference;
        set
        {
            if (value != BatchNormMode.Inference) throw new ArgumentException($"'{Name}' is a FrozenBatchNorm2d, which is in mode Inference for good. Use a ModalBatchNorm2d in its place.", nameof(value));
        }
    }

    public override BatchNormOptions Options
    {
        get => BatchNormOptions.Torch with { Eps = layer.Eps, Momentum = 0 };
        set => throw new ArgumentException($"'{Name}' is a FrozenBatchNorm2d, whose numbers are fixed.", nameof(value));
    }

    public override Tensor? Weight => layer.Weight;

    public override Tensor? Bias => layer.Bias;

    public override long Channels => layer.RunningMean.shape[0];

    internal override Tensor? Mean => layer.RunningMean;

    internal override Tensor? Variance => layer.RunningVar;

    internal override void NormaliseBy(bool batch)
    {
    }

    internal override void ResetStatistics() => throw new NotSupportedException("A FrozenBatchNorm2d keeps its statistics.");

    internal override Action RememberOptions() => () => { };
}
