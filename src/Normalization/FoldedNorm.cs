using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Normalization;

/// <summary>
/// Stands for a layer whose numbers are in the convolution before it, and keeps the bytes that both had. Meanwhile the layer's own numbers are neutral (γ = 1,
/// μ = 0, σ² = 1 − ε), so that weights saved from a folded network give the same predictions in one that is not folded.
/// </summary>
internal sealed class FoldedNorm : NormReplacement, IDisposable
{
    private readonly BatchNormLayer layer;
    private readonly bool shifts;
    private readonly List<(Func<Tensor> Target, Tensor Before, bool WantedGradient)> kept = [];

    /// <summary>Folds <paramref name="layer"/> into <paramref name="source"/>: w ← w·γ/σ, b ← β + (b − μ)·γ/σ, in double precision. Neither is trained any more.</summary>
    internal FoldedNorm(Module<Tensor, Tensor> source, BatchNormLayer layer)
    {
        this.layer = layer;
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        shifts = Bias(source) is null;
        // Looked up when they are put back: to() replaces tensors.
        Keep(() => Weight(source));
        if (!shifts) Keep(() => Bias(source)!);
        Keep(() => layer.Weight!);
        Keep(() => layer.Bias!);
        Keep(() => layer.RunningMean);
        Keep(() => layer.RunningVar);

        Tensor weight = Weight(source);
        (Tensor scale, Tensor shift) = layer.InInference(Bias(source));
        weight.copy_(weight.to(float64) * scale.reshape([-1, .. Enumerable.Repeat(1L, (int)weight.dim() - 1)]));
        Bias(source)?.copy_(shift);
        layer.Weight!.fill_(1);
        layer.Bias!.copy_(shifts ? shift : zeros_like(shift));
        layer.RunningMean.fill_(0);
        layer.RunningVar.fill_(1 - layer.Options.Eps);
        layer.Replacement = this;
    }

    internal override string Name => "folded";

    /// <summary>Only a convolution without bias leaves something to do: adding β.</summary>
    internal override Tensor Apply(BatchNormLayer layer, Tensor input)
    {
        if (!shifts) return input.alias();
        using Tensor beta = layer.Bias!.reshape([1, -1, .. Enumerable.Repeat(1L, (int)input.dim() - 2)]);
        return input + beta;
    }

    /// <summary>Puts every byte back, and whether it is trained.</summary>
    public void Dispose()
    {
        using var noGrad = no_grad();
        foreach ((Func<Tensor> target, Tensor before, bool wantedGradient) in kept)
        {
            target().copy_(before);
            target().requires_grad_(wantedGradient);
            before.Dispose();
        }

        kept.Clear();
        layer.Replacement = null;
    }

    private void Keep(Func<Tensor> target)
    {
        kept.Add((target, target().detach().clone().DetachFromDisposeScope(), target().requires_grad));
        target().requires_grad_(false);
    }

    private static Tensor Weight(Module source) => source is Linear linear ? linear.weight! : ((Convolution)source).weight!;

    private static Tensor? Bias(Module source) => source is Linear linear ? linear.bias : ((Convolution)source).bias;
}
