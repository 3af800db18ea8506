using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Models;

/// <summary>Keras's <c>conv_block</c> (with a projected shortcut) and <c>identity_block</c> (without). The layers belong to the encoder.</summary>
/// <param name="Subsamples">Whether the maps become half as large.</param>
/// <param name="StridesFirst">Whether the first convolution does that (Keras), or the second (torchvision).</param>
/// <param name="Branch2a">1×1.</param>
/// <param name="Branch2b">3×3.</param>
/// <param name="Branch2c">1×1, its ReLU that of the sum.</param>
/// <param name="Shortcut">1×1, or null.</param>
internal sealed record ResidualBlock(
    bool Subsamples, bool StridesFirst, ConvolutionWithNorm Branch2a, ConvolutionWithNorm Branch2b, ConvolutionWithNorm Branch2c, ConvolutionWithNorm? Shortcut)
{
    /// <summary>The layers in Keras's order.</summary>
    internal IEnumerable<ConvolutionWithNorm> Layers => Shortcut is null ? [Branch2a, Branch2b, Branch2c] : [Branch2a, Branch2b, Branch2c, Shortcut];

    /// <summary>Layer by layer, with gradients where they are wanted.</summary>
    /// <param name="x">(N, C, H, W).</param>
    /// <param name="watched">Whether a hook may keep intermediate results, which are then not written to again.</param>
    internal Tensor Apply(Tensor x, bool watched)
    {
        using var scope = NewDisposeScope();
        // The projected shortcut is a strided 1×1 in both networks; in torchvision's, the main branch keeps all pixels until its strided 3×3.
        Tensor input = Subsampled(x);
        Tensor y = Branch2a.Apply(StridesFirst ? input : x, watched);
        y = Branch2b.Apply(y, watched);
        return Branch2c.NormalizedAndActivated(Branch2c.Convolved(y, watched), () => Shortcut?.Apply(input, watched) ?? input, watched).MoveToOuterDisposeScope();
    }

    /// <summary>The same without gradients, each convolution with what follows it in one operation.</summary>
    /// <param name="x">(N, C, H, W), channels last. Overwritten where there is no projection.</param>
    /// <param name="folded">The encoder's kernels.</param>
    internal Tensor Apply(Tensor x, FoldedKernels folded)
    {
        using var scope = NewDisposeScope();
        Tensor input = Subsampled(x);
        Tensor y = folded.Apply(Branch2b, folded.Apply(Branch2a, StridesFirst ? input : x));
        Tensor sum = Shortcut is null ? x : folded.Apply(Shortcut, input);
        folded.AddTo(sum, Branch2c, y);
        // x is in the caller's scope already; moving it would take it out of there too.
        return Shortcut is null ? sum : sum.MoveToOuterDisposeScope();
    }

    private Tensor Subsampled(Tensor x) => Subsamples ? ChannelsLast.Of(StridedWindows.EverySecond(x)) : x;

    /// <summary>Stride of a layer of this block as a convolution by itself. Here a 1×1 of stride 1 follows <see cref="StridedWindows.EverySecond"/> instead, which two layers share.</summary>
    internal int Stride(ConvolutionWithNorm layer) =>
        Subsamples && (ReferenceEquals(layer, Shortcut) || ReferenceEquals(layer, StridesFirst ? Branch2a : Branch2b)) ? 2 : 1;
}
