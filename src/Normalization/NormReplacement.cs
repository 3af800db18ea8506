using static TorchSharp.torch;

namespace UnetResnet.Normalization;

/// <summary>What computes in a batch-norm layer's place while batch norm is switched off for good: nothing (folded) or another normalisation.</summary>
internal abstract class NormReplacement
{
    /// <summary>Name in messages and tables.</summary>
    internal abstract string Name { get; }

    /// <summary>Computes in the layer's place.</summary>
    /// <param name="layer">The layer, which owns γ and β.</param>
    /// <param name="input">(N, C, …).</param>
    /// <returns>(N, C, …), owned by the caller.</returns>
    internal abstract Tensor Apply(BatchNormLayer layer, Tensor input);

    /// <summary>Whether <see cref="ApplyInPlace"/> can be called.</summary>
    internal virtual bool IsInPlace => false;

    /// <summary>Computes in the layer's place together with what follows, see <see cref="ModalBatchNorm2d.ApplyInPlace"/>.</summary>
    internal virtual void ApplyInPlace(BatchNormLayer layer, ChannelMap input, bool relu, ChannelMap? onto) => throw new NotSupportedException($"{Name} needs memory of its own.");
}
