using TorchSharp;
using UnetResnet.Models.Winograd;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Models;

/// <summary>
/// Kernels of layers for maps of one size, each made when its layer is first computed, in the order that oneDNN computes in. The order depends on the size of the map too, and
/// a kernel in the order of another size is turned round at every call, which can take longer than the convolution.
/// </summary>
/// <remarks>Belongs to all who use it: the last who disposes it frees the kernels.</remarks>
internal sealed class FoldedKernels : IDisposable
{
    private const string Script = """
        def packed(kernel: Tensor, map: Tensor, stride: int, padding: int) -> Tensor:
            return torch.mkldnn_reorder_conv2d_weight(kernel.to_mkldnn(), [padding, padding], [stride, stride], [1, 1], 1, map.size())

        """;

    private static readonly Lazy<jit.CompilationUnit> Compiled = new(() => jit.compile(Script));

    /// <summary>Kept alive on purpose: native code may still read a temporary number when a collection frees it.</summary>
    private static readonly Scalar One = 1;

    private readonly Lock gate = new();
    private readonly Dictionary<ConvolutionWithNorm, Kept> folded = new(ReferenceEqualityComparer.Instance), unfolded = new(ReferenceEqualityComparer.Instance);
    private readonly Func<ConvolutionWithNorm, (long Small, int Stride)> shape;
    private int users = 1;

    /// <summary>Keeps nothing yet.</summary>
    /// <param name="shape">Stride of a layer's convolution here, and how many of its channels come from a map of half the size, see <see cref="UpsampledConvolution"/>; 0 for none.</param>
    internal FoldedKernels(Func<ConvolutionWithNorm, (long Small, int Stride)> shape) => this.shape = shape;

    /// <summary>One user more, who disposes what he gets.</summary>
    internal FoldedKernels Shared()
    {
        lock (gate) users++;
        return this;
    }

    /// <summary>relu(layer(x)), or without the ReLU where the layer has none.</summary>
    internal Tensor Apply(ConvolutionWithNorm layer, Tensor x)
    {
        (bool folds, Kept of) = Of(layer, null, x);
        bool relu = folds && layer.Activation is not null;
        Tensor y = of.InTiles ? WinogradConvolution.Compute(of.Kernel, of.Bias.shape[0], of.Bias, null, x, relu) : FusedConvolution.Apply(x, of.Kernel, of.Bias, of.Stride, of.Padding, relu);
        return folds ? y : layer.Finished(y, onto: null);
    }

    /// <summary>sum ← relu(sum + layer(x)).</summary>
    internal void AddTo(Tensor sum, ConvolutionWithNorm layer, Tensor x)
    {
        (bool folds, Kept of) = Of(layer, null, x);
        if (folds) FusedConvolution.AddTo(sum, x, of.Kernel, of.Bias, of.Padding, relu: true);
        else layer.Finished(FusedConvolution.Apply(x, of.Kernel, of.Bias, of.Stride, of.Padding, relu: false), sum);
    }

    /// <summary>relu of the layer over the doubled small map and the large one.</summary>
    internal Tensor Apply(ConvolutionWithNorm layer, Tensor small, Tensor? large)
    {
        (bool folds, Kept of) = Of(layer, small, large);
        if (of.InTiles)
        {
            Tensor y = WinogradConvolution.Compute(of.Kernel, of.Bias.shape[0], of.Bias, small, large, folds && layer.Activation is not null);
            return folds ? y : layer.Finished(y, onto: null);
        }

        Tensor sum = UpsampledConvolution.Doubled(small, of.SmallKernel!);
        if (large is null)
        {
            sum.add_(of.Bias.view(1, -1, 1, 1), One);
        }
        else
        {
            FusedConvolution.AddTo(sum, large, of.Kernel, of.Bias, of.Padding, relu: folds);
            if (folds) return sum;
        }

        return folds ? layer.Activated(sum, watched: false) : layer.Finished(sum, onto: null);
    }

    /// <summary>Ends one user's use.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            if (--users > 0) return;
            foreach (Kept one in folded.Values.Concat(unfolded.Values))
            {
                one.Kernel.Dispose();
                one.Bias.Dispose();
                one.SmallKernel?.Dispose();
            }

            folded.Clear();
            unfolded.Clear();
        }
    }

    private (bool Folds, Kept Kept) Of(ConvolutionWithNorm layer, Tensor? small, Tensor? large)
    {
        bool folds = layer.IsFixed;
        lock (gate)
        {
            Dictionary<ConvolutionWithNorm, Kept> kept = folds ? folded : unfolded;
            if (!kept.TryGetValue(layer, out Kept? found)) kept[layer] = found = Prepare(layer, folds, small, large);
            return (folds, found);
        }
    }

    private Kept Prepare(ConvolutionWithNorm layer, bool folds, Tensor? below, Tensor? large)
    {
        using var scope = NewDisposeScope();
        (long small, int stride) = shape(layer);
        Tensor map = (large ?? below)!;
        (Tensor kernel, Tensor bias) = folds ? layer.Folded() : layer.Unfolded();
        (kernel, bias) = (kernel.to(map.dtype), bias.to(map.dtype));
        int scale = large is null ? 2 : 1;
        if (stride == 1 && WinogradConvolution.Suits(map, map.shape[2] * scale, map.shape[3] * scale, kernel))
            return new Kept(WinogradConvolution.Form(kernel).DetachFromDisposeScope(), bias.clone().DetachFromDisposeScope(), null, stride, Padding: 1) { InTiles = true };
        Tensor? smallKernel = null;
        if (small > 0)
        {
            smallKernel = ChannelsLast.Of(kernel.narrow(1, 0, small)).clone().DetachFromDisposeScope();
            kernel = kernel.narrow(1, small, kernel.shape[1] - small);
        }

        int padding = kernel.shape[2] == 3 ? 1 : 0;
        Tensor packed = kernel.shape[1] == 0 ? kernel.clone() : Compiled.Value.invoke<Tensor>("packed", kernel, map, stride, padding);
        return new Kept(packed.DetachFromDisposeScope(), bias.clone().DetachFromDisposeScope(), smallKernel, stride, padding);
    }

    private sealed record Kept(Tensor Kernel, Tensor Bias, Tensor? SmallKernel, int Stride, int Padding)
    {
        /// <summary>Whether the kernel is in the form of <see cref="WinogradConvolution"/>.</summary>
        internal bool InTiles { get; init; }
    }
}
