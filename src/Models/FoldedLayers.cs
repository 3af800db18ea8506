using TorchSharp;
using static TorchSharp.torch;

namespace UnetResnet.Models;

/// <summary>
/// Layers that are computed without gradients as one operation each: batch norm folded into the convolution, ReLU and sum done while the result is written. A layer that
/// normalises by the batch, or by something else than batch norm, does so after its convolution. The kernels are kept, in the order that oneDNN computes in, until a tensor
/// that they were made from changes.
/// </summary>
internal sealed class FoldedLayers : IDisposable
{
    // _version counts what writes to a tensor through libtorch. Files may be read into a tensor's memory past it, which a number of each shows.
    private const string Script = """
        def versions(tensors: List[Tensor]) -> int:
            sum = 0
            for tensor in tensors:
                sum += torch._version(tensor)
            return sum

        def samples(tensors: List[Tensor]) -> Tensor:
            found: List[Tensor] = []
            for tensor in tensors:
                found.append(tensor.select(0, 0))
            return torch.stack(found)

        def packed(kernel: Tensor, stride: int, padding: int) -> Tensor:
            return torch.mkldnn_reorder_conv2d_weight(kernel.to_mkldnn(), [padding, padding], [stride, stride], [1, 1], 1)

        """;

    private static readonly Lazy<jit.CompilationUnit> Compiled = new(() => jit.compile(Script));

    private readonly IReadOnlyList<ConvolutionWithNorm> layers;
    private readonly Lock gate = new();
    private readonly Dictionary<(bool Folds, ScalarType Type), Dictionary<ConvolutionWithNorm, Kept>> kept = [];
    private readonly Func<ConvolutionWithNorm, (long Small, int Stride)> shape;
    private Tensor[] sources = [];
    private double[] eps = [];
    private long versions;
    private Tensor? samples;

    /// <summary>Keeps nothing yet.</summary>
    /// <param name="layers">The layers.</param>
    /// <param name="shape">Stride of a layer's convolution here, and how many of its channels come from a map of half the size, see <see cref="UpsampledConvolution"/>; 0 for none.</param>
    internal FoldedLayers(IReadOnlyList<ConvolutionWithNorm> layers, Func<ConvolutionWithNorm, (long Small, int Stride)> shape) => (this.layers, this.shape) = (layers, shape);

    /// <summary>
    /// Whether the layers can be computed so for these inputs, if nobody watches: on the CPU, nobody wants a gradient, and no running statistics move. Batch norm that is not
    /// fixed is computed so where gradients are off altogether.
    /// </summary>
    internal bool Fit(params IReadOnlyList<Tensor> inputs)
    {
        bool gradients = is_grad_enabled();
        return inputs.All(input => input.device_type == DeviceType.CPU && input.dtype == inputs[0].dtype)
            && layers.All(layer => (gradients ? layer.IsFixed : layer.IsStill) && layer.Convolution.weight!.dtype == float32)
            && !(gradients && (inputs.Any(input => input.requires_grad) || layers.Any(layer => layer.Tensors.Any(tensor => tensor.requires_grad))))
            && FusedConvolution.IsAvailable(inputs[0].dtype);
    }

    /// <summary>Whether a forward hook is registered on any of the layers' modules.</summary>
    internal bool AreWatched => Hooks.OnAny(layers.SelectMany(layer => layer.Modules));

    /// <summary>Folds anew what has changed since the last call, and what is wanted for the first time.</summary>
    /// <param name="type">Precision of the maps.</param>
    internal void Refresh(ScalarType type)
    {
        lock (gate)
        {
            using var scope = NewDisposeScope();
            using var noGrad = no_grad();
            Tensor[] now = [.. layers.SelectMany(layer => layer.Tensors)];
            using var count = (Scalar)Compiled.Value.invoke("versions", (object)now)!;
            long version = count.ToInt64();
            Tensor sample = Compiled.Value.invoke<Tensor>("samples", (object)now.Where(tensor => tensor.dim() == 1).ToArray());
            double[] epsNow = [.. layers.Select(layer => layer.Norm?.Options.Eps ?? 0)];
            if (version != versions || !eps.SequenceEqual(epsNow) || !now.SequenceEqual(sources, ReferenceEqualityComparer.Instance) || samples is null || !samples.equal(sample).all().item<bool>())
            {
                Clear();
                (sources, versions, eps, samples) = (now, version, epsNow, sample.DetachFromDisposeScope());
            }

            foreach (ConvolutionWithNorm layer in layers)
            {
                if (!kept.TryGetValue((layer.IsFixed, type), out var sameKind)) kept[(layer.IsFixed, type)] = sameKind = new(ReferenceEqualityComparer.Instance);
                if (!sameKind.ContainsKey(layer)) sameKind[layer] = Prepare(layer, type);
            }
        }
    }

    /// <summary>relu(layer(x)), or without the ReLU where the layer has none.</summary>
    internal Tensor Apply(ConvolutionWithNorm layer, Tensor x)
    {
        (bool folds, Kept of) = Of(layer, x);
        Tensor y = FusedConvolution.Apply(x, of.Kernel, of.Bias, of.Stride, of.Padding, folds && layer.Activation is not null);
        return folds ? y : layer.Activated(layer.Normalized(y), watched: false);
    }

    /// <summary>sum ← relu(sum + layer(x)).</summary>
    internal void AddTo(Tensor sum, ConvolutionWithNorm layer, Tensor x)
    {
        (bool folds, Kept of) = Of(layer, x);
        if (folds) FusedConvolution.AddTo(sum, x, of.Kernel, of.Bias, of.Padding);
        else sum.add_(layer.Normalized(FusedConvolution.Apply(x, of.Kernel, of.Bias, of.Stride, of.Padding, relu: false)), One).relu_();
    }

    /// <summary>relu of the layer over the doubled small map and the large one.</summary>
    internal Tensor Apply(ConvolutionWithNorm layer, Tensor small, Tensor? large)
    {
        (bool folds, Kept of) = Of(layer, small);
        Tensor sum = UpsampledConvolution.Doubled(small, of.SmallKernel!, large is null ? of.Bias : null);
        if (large is null) return layer.Activated(folds ? sum : layer.Normalized(sum), watched: false);
        if (folds)
        {
            FusedConvolution.AddTo(sum, large, of.Kernel, of.Bias, of.Padding);
            return sum;
        }

        sum.add_(FusedConvolution.Apply(large, of.Kernel, of.Bias, of.Stride, of.Padding, relu: false), One);
        return layer.Activated(layer.Normalized(sum), watched: false);
    }

    /// <summary>Frees the kernels.</summary>
    public void Dispose()
    {
        lock (gate) Clear();
    }

    private (bool Folds, Kept Kept) Of(ConvolutionWithNorm layer, Tensor x) => (layer.IsFixed, kept[(layer.IsFixed, x.dtype)][layer]);

    private void Clear()
    {
        foreach (Kept one in kept.Values.SelectMany(layers => layers.Values))
        {
            one.Kernel.Dispose();
            one.Bias.Dispose();
            one.SmallKernel?.Dispose();
        }

        kept.Clear();
        samples?.Dispose();
        (sources, samples) = ([], null);
    }

    private Kept Prepare(ConvolutionWithNorm layer, ScalarType type)
    {
        (long small, int stride) = shape(layer);
        (Tensor kernel, Tensor bias) = layer.IsFixed ? layer.Folded() : layer.Unfolded();
        (kernel, bias) = (kernel.to(type), bias.to(type));
        Tensor? smallKernel = null;
        if (small > 0)
        {
            smallKernel = ChannelsLast.Of(kernel.narrow(1, 0, small)).clone().DetachFromDisposeScope();
            kernel = kernel.narrow(1, small, kernel.shape[1] - small);
        }

        int padding = kernel.shape[2] == 3 ? 1 : 0;
        Tensor packed = kernel.shape[1] == 0 ? kernel.clone() : Compiled.Value.invoke<Tensor>("packed", kernel, stride, padding);
        return new Kept(packed.DetachFromDisposeScope(), bias.clone().DetachFromDisposeScope(), smallKernel, stride, padding);
    }

    /// <summary>Kept alive on purpose: native code may still read a temporary number when a collection frees it.</summary>
    private static readonly Scalar One = 1;

    private sealed record Kept(Tensor Kernel, Tensor Bias, Tensor? SmallKernel, int Stride, int Padding);
}
