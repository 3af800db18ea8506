using TorchSharp;
using static TorchSharp.torch;

namespace UnetResnet.Models;

/// <summary>
/// Layers that are computed without gradients as one operation each: batch norm folded into the convolution, ReLU and sum done while the result is written. The folded
/// kernels are kept, in the order that oneDNN computes in, until a tensor that they were made from changes.
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
    private readonly Dictionary<ConvolutionWithNorm, Folded> folded = new(ReferenceEqualityComparer.Instance);
    private readonly Func<ConvolutionWithNorm, (long Small, int Stride)> shape;
    private Tensor[] sources = [];
    private double[] eps = [];
    private long versions;
    private Tensor? samples;

    /// <summary>Keeps nothing yet.</summary>
    /// <param name="layers">The layers.</param>
    /// <param name="shape">Stride of a layer's convolution here, and how many of its channels come from a map of half the size, see <see cref="UpsampledConvolution"/>; 0 for none.</param>
    internal FoldedLayers(IReadOnlyList<ConvolutionWithNorm> layers, Func<ConvolutionWithNorm, (long Small, int Stride)> shape) => (this.layers, this.shape) = (layers, shape);

    /// <summary>Whether the layers can be computed so for this input: on the CPU, in float32, nobody wants a gradient, nobody watches, and batch norm is fixed.</summary>
    internal bool Fit(params IReadOnlyList<Tensor> inputs) =>
        inputs.All(input => input.device_type == DeviceType.CPU && input.dtype == float32)
        && layers.All(layer => layer.IsFixed && layer.Convolution.weight!.dtype == float32)
        && !(is_grad_enabled() && (inputs.Any(input => input.requires_grad) || layers.Any(layer => layer.Tensors.Any(tensor => tensor.requires_grad))))
        && !AreWatched
        && FusedConvolution.IsAvailable;

    /// <summary>Whether a forward hook is registered on any of the layers' modules.</summary>
    internal bool AreWatched => Hooks.OnAny(layers.SelectMany(layer => layer.Modules));

    /// <summary>Folds anew what has changed since the last call.</summary>
    internal void Refresh()
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
            if (version == versions && eps.SequenceEqual(epsNow) && now.SequenceEqual(sources, ReferenceEqualityComparer.Instance) && samples is not null && samples.equal(sample).all().item<bool>()) return;
            Clear();
            foreach (ConvolutionWithNorm layer in layers) folded[layer] = Fold(layer);
            (sources, versions, eps, samples) = (now, version, epsNow, sample.DetachFromDisposeScope());
        }
    }

    /// <summary>relu(layer(x)), or without the ReLU where the layer has none.</summary>
    internal Tensor Apply(ConvolutionWithNorm layer, Tensor x)
    {
        Folded kept = folded[layer];
        return FusedConvolution.Apply(x, kept.Kernel, kept.Bias, kept.Stride, kept.Padding, layer.Activation is not null);
    }

    /// <summary>sum ← relu(sum + layer(x)).</summary>
    internal void AddTo(Tensor sum, ConvolutionWithNorm layer, Tensor x)
    {
        Folded kept = folded[layer];
        FusedConvolution.AddTo(sum, x, kept.Kernel, kept.Bias, kept.Padding);
    }

    /// <summary>relu of the layer over the doubled small map and the large one.</summary>
    internal Tensor Apply(ConvolutionWithNorm layer, Tensor small, Tensor? large)
    {
        Folded kept = folded[layer];
        Tensor sum = UpsampledConvolution.Doubled(small, kept.SmallKernel!, large is null ? kept.Bias : null);
        if (large is null) return sum.relu_();
        AddTo(sum, layer, large);
        return sum;
    }

    /// <summary>Frees the kernels.</summary>
    public void Dispose()
    {
        lock (gate) Clear();
    }

    private void Clear()
    {
        foreach (Folded kept in folded.Values)
        {
            kept.Kernel.Dispose();
            kept.Bias.Dispose();
            kept.SmallKernel?.Dispose();
        }

        folded.Clear();
        samples?.Dispose();
        (sources, samples) = ([], null);
    }

    private Folded Fold(ConvolutionWithNorm layer)
    {
        (long small, int stride) = shape(layer);
        (Tensor kernel, Tensor bias) = layer.Folded();
        Tensor? smallKernel = null;
        if (small > 0)
        {
            smallKernel = ChannelsLast.Of(kernel.narrow(1, 0, small)).clone().DetachFromDisposeScope();
            kernel = kernel.narrow(1, small, kernel.shape[1] - small);
        }

        int padding = kernel.shape[2] == 3 ? 1 : 0;
        Tensor packed = kernel.shape[1] == 0 ? kernel.clone() : Compiled.Value.invoke<Tensor>("packed", kernel, stride, padding);
        return new Folded(packed.DetachFromDisposeScope(), bias.clone().DetachFromDisposeScope(), smallKernel, stride, padding);
    }

    private sealed record Folded(Tensor Kernel, Tensor Bias, Tensor? SmallKernel, int Stride, int Padding);
}
