using TorchSharp;
using UnetResnet.Models.Products;
using UnetResnet.Models.Winograd;
using UnetResnet.Normalization;
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
    private readonly Dictionary<ConvolutionWithNorm, FoldedKernel> folded = new(ReferenceEqualityComparer.Instance), unfolded = new(ReferenceEqualityComparer.Instance);
    private readonly Func<ConvolutionWithNorm, long> small;
    private int users = 1;

    /// <summary>Keeps nothing yet.</summary>
    /// <param name="small">How many of a layer's channels come from a map of half the size, see <see cref="UpsampledConvolution"/>.</param>
    internal FoldedKernels(Func<ConvolutionWithNorm, long> small) => this.small = small;

    /// <summary>One user more, who disposes what he gets.</summary>
    internal FoldedKernels Shared()
    {
        lock (gate) users++;
        return this;
    }

    /// <summary>Frees the kernels that batch norm is folded into, unless somebody else uses them.</summary>
    /// <returns>Whether they are gone.</returns>
    internal bool ForgetFolded()
    {
        lock (gate)
        {
            if (users > 1) return false;
            Free(folded);
            return true;
        }
    }

    /// <summary>relu(layer(x)), or without the ReLU where the layer has none.</summary>
    internal Tensor Apply(ConvolutionWithNorm layer, Tensor x)
    {
        (bool folds, FoldedKernel of) = Of(layer, null, x);
        return folds ? of.Apply(x, relu: layer.Activation is not null) : layer.Finished(of.Apply(x, relu: false), onto: null);
    }

    /// <summary>sum ← relu(sum + layer(x)), of a 1×1 convolution.</summary>
    internal void AddTo(Tensor sum, ConvolutionWithNorm layer, Tensor x)
    {
        (bool folds, FoldedKernel of) = Of(layer, null, x);
        if (folds) of.AddTo(sum, x);
        else layer.Finished(of.Apply(x, relu: false), sum);
    }

    /// <summary>Residual blocks of one width, one after the other. The first pass makes the kernels layer by layer; later ones go through the blocks in <see cref="ImageShares"/> where they can.</summary>
    /// <param name="blocks">The blocks, of which the first alone may project and subsample.</param>
    /// <param name="x">(N, C, H, W), channels last. Overwritten where the first block has no projection.</param>
    /// <returns>Owned by the caller's dispose scope, or <paramref name="x"/>.</returns>
    internal Tensor Apply(ReadOnlySpan<ResidualBlock> blocks, Tensor x)
    {
        while (!blocks.IsEmpty)
        {
            var own = new List<OwnLayer[]>(blocks.Length);
            while (own.Count < blocks.Length && Own(blocks[own.Count].Layers) is { } layers) own.Add(layers);
            bool scales = own.Any(block => block.Any(layer => layer.Scaling is not null));
            Tensor? done = own.Count == 0 ? null : scales ? SynchronizedShares.Blocks(blocks[0], [.. own], x) : ImageShares.Blocks(blocks[0], [.. own.Select(Kernels)], x);
            x = done ?? blocks[0].Apply(x, this);
            blocks = blocks[(done is null ? 1 : own.Count)..];
        }

        return x;
    }

    /// <summary>Both layers of a stage of the decoder, in the same way.</summary>
    /// <param name="first">Over the doubled small map and the large one.</param>
    /// <param name="second">Over the first one's result.</param>
    /// <param name="small">(N, C, H, W), channels last.</param>
    /// <param name="large">(N, D, 2H, 2W), channels last, or null.</param>
    /// <returns>(N, F, 2H, 2W), owned by the caller's dispose scope.</returns>
    internal Tensor Apply(ConvolutionWithNorm first, ConvolutionWithNorm second, Tensor small, Tensor? large) =>
        Own([first, second]) is { } own && own.All(layer => layer.Scaling is null) ? ImageShares.Stage((own[0].Kernel, own[1].Kernel), small, large) : Apply(second, Apply(first, small, large));

    /// <summary>relu of the layer over the doubled small map and the large one.</summary>
    internal Tensor Apply(ConvolutionWithNorm layer, Tensor small, Tensor? large)
    {
        (bool folds, FoldedKernel of) = Of(layer, small, large);
        if (of.Half is not { } half)
        {
            Tensor y = WinogradConvolution.Compute(of.Kernel, of.Bias.shape[0], of.Bias, small, large, folds && layer.Activation is not null);
            return folds ? y : layer.Finished(y, onto: null);
        }

        Tensor sum;
        if (half.Form == KernelForm.Panels)
        {
            sum = of.Apply(large!, relu: false);
            DoubledProduct.AddTo(sum, half.Kernel, small, folds && layer.Activation is not null);
            return folds ? sum : layer.Finished(sum, onto: null);
        }

        sum = UpsampledConvolution.Doubled(small, half.Kernel);
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
            Free(folded);
            Free(unfolded);
        }
    }

    private static void Free(Dictionary<ConvolutionWithNorm, FoldedKernel> kernels)
    {
        foreach (FoldedKernel one in kernels.Values) one.Dispose();
        kernels.Clear();
    }

    private (bool Folds, FoldedKernel Kernel) Of(ConvolutionWithNorm layer, Tensor? small, Tensor? large)
    {
        bool folds = layer.IsFixed;
        lock (gate)
        {
            Dictionary<ConvolutionWithNorm, FoldedKernel> kept = folds ? folded : unfolded;
            if (!kept.TryGetValue(layer, out FoldedKernel? found)) kept[layer] = found = Prepare(layer, folds, small, large);
            return (folds, found);
        }
    }

    /// <summary>What computes layers if their kernels are there, all in own forms, and nothing but a scale and a shift follows a convolution.</summary>
    internal OwnLayer[]? Own(IEnumerable<ConvolutionWithNorm> layers)
    {
        lock (gate)
        {
            var found = new List<OwnLayer>();
            foreach (ConvolutionWithNorm layer in layers)
            {
                bool folds = layer.IsFixed;
                if (!(folds ? folded : unfolded).TryGetValue(layer, out FoldedKernel? kernel) || !kernel.IsOwn) return null;
                ChannelScaling? scaling = folds || layer.Norm?.Watcher is not null ? null : layer.Norm?.Scaling();
                if (!folds && scaling is null) return null;
                found.Add(new OwnLayer(kernel, scaling, layer.Activation is not null));
            }

            return [.. found];
        }
    }

    private static FoldedKernel[] Kernels(OwnLayer[] layers) => [.. layers.Select(layer => layer.Kernel)];

    private FoldedKernel Prepare(ConvolutionWithNorm layer, bool folds, Tensor? below, Tensor? large)
    {
        using var scope = NewDisposeScope();
        Tensor map = (large ?? below)!;
        (Tensor kernel, Tensor bias) = folds ? layer.Folded() : layer.Unfolded();
        (kernel, bias) = (kernel.to(map.dtype), bias.to(map.dtype).clone());
        long channels = small(layer);
        int scale = large is null ? 2 : 1;
        if (ByTiles(kept: channels == 0)) return Keep(KernelForm.Tiles, WinogradConvolution.Form(kernel));
        if (channels == 0 && ByPanels()) return Keep(KernelForm.Panels, PanelConvolution.Form(kernel));
        (KernelForm Form, Tensor Kernel)? half = null;
        if (channels > 0)
        {
            Tensor part = kernel.narrow(1, 0, channels);
            bool panels = large is not null && DoubledProduct.Suits(below!, part.shape[0]);
            half = panels ? (KernelForm.Panels, DoubledProduct.Form(part).DetachFromDisposeScope()) : (KernelForm.OneDnn, ChannelsLast.Of(part).clone().DetachFromDisposeScope());
            kernel = kernel.narrow(1, channels, kernel.shape[1] - channels);
            if (panels && ByTiles(kept: true)) return Keep(KernelForm.Tiles, WinogradConvolution.Form(kernel)) with { Half = half };
            if (panels && ByPanels()) return Keep(KernelForm.Panels, PanelConvolution.Form(kernel)) with { Half = half };
        }

        int padding = kernel.shape[2] == 3 ? 1 : 0;
        return Keep(KernelForm.OneDnn, kernel.shape[1] == 0 ? kernel.clone() : Compiled.Value.invoke<Tensor>("packed", kernel, map, layer.Stride, padding)) with { Half = half, Stride = layer.Stride, Padding = padding };

        bool ByTiles(bool kept) => layer.Stride == 1 && WinogradConvolution.Suits(map, map.shape[2] * scale, map.shape[3] * scale, kernel, kept);

        bool ByPanels() => layer.Stride == 1 && PanelConvolution.Suits(map, kernel, whateverSize: !folds);

        FoldedKernel Keep(KernelForm form, Tensor made) => new(form, made.DetachFromDisposeScope(), bias.DetachFromDisposeScope()) { Inputs = (int)kernel.shape[1] };
    }
}
