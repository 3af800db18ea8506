using TorchSharp;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Models;

/// <summary>
/// Layers that are computed without gradients as one operation each: batch norm folded into the convolution, ReLU and sum done while the result is written. A layer that
/// normalises by the batch, or by something else than batch norm, does so after its convolution. The kernels are kept until a tensor that they were made from changes, for the
/// last sizes of maps.
/// </summary>
internal sealed class FoldedLayers : IDisposable
{
    /// <summary>Sizes whose kernels are kept: those of an epoch's batches and of its last one.</summary>
    private const int Sizes = 2;

    // _version counts what writes to a tensor through libtorch. Of batch norm and biases the numbers themselves are compared: files may be read into a tensor's memory past it.
    private const string Script = """
        def versions(tensors: List[Tensor]) -> int:
            sum = 0
            for tensor in tensors:
                sum += torch._version(tensor)
            return sum

        """;

    private static readonly Lazy<jit.CompilationUnit> Compiled = new(() => jit.compile(Script));

    private readonly IReadOnlyList<ConvolutionWithNorm> layers;
    private readonly Lock gate = new();
    private readonly List<(ScalarType Type, long[] Shape, FoldedKernels Kernels)> kept = [];
    private readonly Func<ConvolutionWithNorm, long> small;
    private Tensor[] kernels = [];
    private double[] eps = [];
    private long versions;
    private byte[][] biases = [], norms = [];

    /// <summary>Keeps nothing yet.</summary>
    /// <param name="layers">The layers.</param>
    /// <param name="small">How many of a layer's channels come from a map of half the size, see <see cref="UpsampledConvolution"/>.</param>
    internal FoldedLayers(IReadOnlyList<ConvolutionWithNorm> layers, Func<ConvolutionWithNorm, long> small) => (this.layers, this.small) = (layers, small);

    /// <summary>
    /// Whether the layers can be computed so for these inputs, if nobody watches: on the CPU, there are images, nobody wants a gradient, and no running statistics move. Batch norm that is not
    /// fixed is computed so where gradients are off altogether.
    /// </summary>
    internal bool Fit(params IReadOnlyList<Tensor> inputs)
    {
        bool gradients = is_grad_enabled();
        return inputs.All(input => input.device_type == DeviceType.CPU && input.dtype == inputs[0].dtype && input.shape[0] > 0)
            && layers.All(layer => (gradients ? layer.IsFixed : layer.IsStill) && layer.Convolution.weight!.dtype == float32)
            && !(gradients && (inputs.Any(input => input.requires_grad) || layers.Any(layer => layer.Tensors.Any(tensor => tensor.requires_grad))))
            && FusedConvolution.IsAvailable(inputs[0].dtype);
    }

    /// <summary>Whether a forward hook is registered on any of the layers' modules.</summary>
    internal bool AreWatched => Hooks.OnAny(layers.SelectMany(layer => layer.Modules));

    /// <summary>The kernels for a pass; what has changed since the last one is folded anew.</summary>
    /// <param name="input">The map that the pass begins with.</param>
    /// <returns>For the caller to dispose when the pass is over.</returns>
    internal FoldedKernels For(Tensor input) => For(input.dtype, input.shape);

    /// <summary>The kernels for a pass; what has changed since the last one is folded anew.</summary>
    /// <param name="type">Of the maps.</param>
    /// <param name="size">Shape of the map that the pass begins with, or would begin with.</param>
    /// <returns>For the caller to dispose when the pass is over.</returns>
    internal FoldedKernels For(ScalarType type, long[] size)
    {
        lock (gate)
        {
            using var scope = NewDisposeScope();
            using var noGrad = no_grad();
            Tensor[] kernelsNow = [.. layers.Select(layer => layer.Convolution.weight!)];
            Tensor[] biasesNow = [.. layers.Select(layer => layer.Convolution.bias).OfType<Tensor>()];
            Tensor[] normsNow = [.. layers.Select(layer => layer.Norm).OfType<ModalBatchNorm2d>().SelectMany(norm => new[] { norm.Weight, norm.Bias, norm.RunningMean, norm.RunningVar })];
            double[] epsNow = [.. layers.Select(layer => layer.Norm?.Options.Eps ?? 0)];
            using var count = (Scalar)Compiled.Value.invoke("versions", (object)kernelsNow)!;
            long version = count.ToInt64();
            bool sameConvolutions = version == versions && kernelsNow.SequenceEqual(kernels, ReferenceEqualityComparer.Instance) && Same(biasesNow, biases);
            if (!sameConvolutions || !epsNow.SequenceEqual(eps) || !Same(normsNow, norms))
            {
                // What is not folded does not depend on batch norm, whose statistics a recalibration changes.
                if (sameConvolutions) Forget(one => !one.ForgetFolded());
                else Forget(_ => true);
                (kernels, versions, eps, biases, norms) = (kernelsNow, version, epsNow, [.. biasesNow.Select(TensorMemory.Bytes)], [.. normsNow.Select(TensorMemory.Bytes)]);
            }

            int place = kept.FindIndex(one => one.Type == type && one.Shape.AsSpan().SequenceEqual(size));
            (ScalarType, long[], FoldedKernels Kernels) found = place >= 0 ? kept[place] : (type, size, new FoldedKernels(small));
            if (place >= 0) kept.RemoveAt(place);
            if (kept.Count == Sizes)
            {
                kept[0].Kernels.Dispose();
                kept.RemoveAt(0);
            }

            // The last one is the one that was used last.
            kept.Add(found);
            return found.Kernels.Shared();
        }
    }

    /// <summary>Frees the kernels.</summary>
    public void Dispose()
    {
        lock (gate) Forget(_ => true);
    }

    private static bool Same(Tensor[] tensors, byte[][] bytes) => tensors.Length == bytes.Length && tensors.Zip(bytes).All(pair => TensorMemory.View(pair.First).SequenceEqual(pair.Second));

    private void Forget(Func<FoldedKernels, bool> which)
    {
        foreach (FoldedKernels one in kept.Select(one => one.Kernels).Where(which).ToArray())
        {
            one.Dispose();
            kept.RemoveAll(other => other.Kernels == one);
        }
    }
}
