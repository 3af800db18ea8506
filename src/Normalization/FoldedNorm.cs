using TorchSharp.Modules;
using static TorchSharp.torch;

namespace UnetResnet.Normalization;

/// <summary>
/// Stands for a layer whose numbers are in the convolution before it, and keeps the bytes that both had. Meanwhile the layer's own numbers are neutral (γ = 1,
/// μ = 0, σ² = 1 − ε), so that weights saved from a folded network give the same predictions in one that is not folded.
/// </summary>
internal sealed class FoldedNorm : NormReplacement, IDisposable
{
    private readonly ModalBatchNorm2d layer;
    private readonly bool shifts;
    private readonly List<(Tensor Target, Tensor Before, bool WantedGradient)> kept = [];

    /// <summary>Folds <paramref name="layer"/> into <paramref name="convolution"/>: w ← w·γ/σ, b ← β + (b − μ)·γ/σ, in double precision. Neither is trained any more.</summary>
    internal FoldedNorm(Conv2d convolution, ModalBatchNorm2d layer)
    {
        this.layer = layer;
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        Tensor weight = convolution.weight!;
        shifts = convolution.bias is null;
        foreach (Tensor target in new[] { weight, convolution.bias, layer.Weight, layer.Bias, layer.RunningMean, layer.RunningVar }.OfType<Tensor>())
        {
            kept.Add((target, target.detach().clone().DetachFromDisposeScope(), target.requires_grad));
            target.requires_grad_(false);
        }

        Tensor scale = layer.Weight.to(float64) / (layer.RunningVar.to(float64) + layer.Options.Eps).sqrt();
        Tensor centre = convolution.bias is { } bias ? bias.to(float64) - layer.RunningMean.to(float64) : -layer.RunningMean.to(float64);
        Tensor shift = layer.Bias.to(float64) + centre * scale;
        weight.copy_(weight.to(float64) * scale.reshape(-1, 1, 1, 1));
        convolution.bias?.copy_(shift);
        layer.Weight.fill_(1);
        layer.Bias.copy_(shifts ? shift : zeros_like(shift));
        layer.RunningMean.fill_(0);
        layer.RunningVar.fill_(1 - layer.Options.Eps);
        layer.Replacement = this;
    }

    internal override string Name => "folded";

    /// <summary>Only a convolution without bias leaves something to do: adding β.</summary>
    internal override Tensor Apply(ModalBatchNorm2d layer, Tensor input)
    {
        if (!shifts) return input.alias();
        using Tensor beta = layer.Bias.reshape(1, -1, 1, 1);
        return input + beta;
    }

    /// <summary>Puts every byte back, and whether it is trained.</summary>
    public void Dispose()
    {
        using var noGrad = no_grad();
        foreach ((Tensor target, Tensor before, bool wantedGradient) in kept)
        {
            target.copy_(before);
            target.requires_grad_(wantedGradient);
            before.Dispose();
        }

        kept.Clear();
        layer.Replacement = null;
    }
}
