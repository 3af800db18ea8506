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

    /// <summary>The same as a scale and a shift of each channel; null where it is more than that.</summary>
    internal virtual ChannelScaling? Scaling(BatchNormLayer layer) => null;
}
