using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Normalization;

/// <summary>
/// Folds batch norm into the convolution before it: a layer that always normalises by its running statistics is a scale and a shift per channel, which the
/// convolution can do itself. The network computes the same with fewer steps, and no <c>train()</c>, no optimiser and no unfreezing can wake the layer.
/// </summary>
public static class Folding
{
    /// <summary>
    /// Folds every batch-norm layer, this library's or TorchSharp's, that takes what a convolution or a linear layer gives, found by one forward pass in inference mode, and compares the outputs before and
    /// after. Folded layers count as no batch-norm layers any more and are not trained, nor are their convolutions; training flags and all other parameters stay.
    /// </summary>
    /// <param name="model">The network; changed in place.</param>
    /// <param name="images">What the two are compared on (N, …), N at least 1; stays the caller's.</param>
    /// <param name="only">The part to fold, for example <c>unet.Encoder</c>; null for the whole model.</param>
    /// <param name="tolerance">Largest relative error that is accepted.</param>
    /// <exception cref="ArgumentException">A layer to fold normalises by the batch in inference mode, or there is nothing to fold. Nothing is changed then.</exception>
    /// <exception cref="InvalidOperationException">The outputs differ by more than <paramref name="tolerance"/>. Nothing is changed then.</exception>
    public static FoldingReport Apply(Module<Tensor, Tensor> model, Tensor images, Module? only = null, double tolerance = 1e-4)
    {
        Module part = only ?? model;
        var inside = new HashSet<Module>(part.modules().Prepend(part), ReferenceEqualityComparer.Instance);
        BatchNormLayer[] layers = [.. model.BatchNormLayers().Select(l => l.Layer).Where(layer => inside.Contains(layer.Module))];
        if (layers.FirstOrDefault(layer => !layer.HasStatistics || layer.Mode == BatchNormMode.BatchOnly) is { } batchOnly)
            throw new ArgumentException($"'{batchOnly.Name}' normalises by the batch in inference too, and the batch is not known to a convolution. Give it running statistics and BatchNormMode.Inference first.", nameof(model));

        using var scope = NewDisposeScope();
        (Tensor before, var pairs, var left) = Trace(model, images, layers);
        if (pairs.Count == 0)
            throw new ArgumentException("The network has no batch-norm layer that takes what a convolution or a linear layer gives, so there is nothing to fold.", nameof(model));

        List<FoldedNorm> folded = [.. pairs.Select(p => new FoldedNorm(p.Source, p.Layer))];
        double error = double.NaN;
        try
        {
            error = RelativeError(before, Infer(model, images));
        }
        finally
        {
            if (!(error <= tolerance)) folded.ForEach(f => f.Dispose());
        }

        if (!(error <= tolerance))
            throw new InvalidOperationException(
                $"Folding would change the output by {NumberText.Short(error)} of its largest value, more than the tolerance of {NumberText.Short(tolerance)}; nothing was changed. A convolution's result is used elsewhere too, or a variance is so small that float32 does not carry it: recalibrate first, or fold a part only.");
        return new FoldingReport([.. pairs.Select(p => p.Layer.Name)], [.. left.Select(layer => layer.Name)], error);
    }

    /// <summary>Takes back <see cref="Apply"/> in a module and below: convolutions and layers get back every byte that they had, and whether they are trained.</summary>
    /// <param name="module">The module. Training that a folded convolution went through is lost.</param>
    /// <returns>Number of layers unfolded; 0 where none was folded.</returns>
    public static int Undo(Module module)
    {
        FoldedNorm[] folded = [.. BatchNormLayer.All(module).Select(layer => layer.Replacement).OfType<FoldedNorm>()];
        foreach (FoldedNorm norm in folded) norm.Dispose();
        return folded.Length;
    }

    /// <summary>max |actual − expected| / max |expected|.</summary>
    private static double RelativeError(Tensor expected, Tensor actual)
    {
        using var scope = NewDisposeScope();
        Tensor wanted = expected.to(float64), difference = (actual.to(float64) - wanted).abs().max();
        return difference.item<double>() / Math.Max(wanted.abs().max().item<double>(), double.Epsilon);
    }

    private static Tensor Infer(Module<Tensor, Tensor> model, Tensor images)
    {
        using var modes = new ModeSnapshot(model);
        using var noGrad = no_grad();
        using var pause = new CollectionPause();
        model.eval();
        return model.call(images);
    }

    /// <summary>One pass that sees which layer takes which convolution's result.</summary>
    private static (Tensor Output, List<(Module<Tensor, Tensor> Source, BatchNormLayer Layer)> Pairs, List<BatchNormLayer> Left) Trace(Module<Tensor, Tensor> model, Tensor images, BatchNormLayer[] layers)
    {
        // The results are kept in the list until the pass is over, so that none is mistaken for another at the same address.
        var results = new Dictionary<Tensor, Module<Tensor, Tensor>>(ReferenceEqualityComparer.Instance);
        var calls = new Dictionary<Module, int>(ReferenceEqualityComparer.Instance);
        var sources = new List<(BatchNormLayer Layer, Module<Tensor, Tensor>? Source)>();
        Action remove = () => { };
        foreach (Module<Tensor, Tensor> source in model.modules().Where(m => m is TorchSharp.Modules.Conv1d or TorchSharp.Modules.Conv2d or TorchSharp.Modules.Conv3d or TorchSharp.Modules.Linear).Distinct().Cast<Module<Tensor, Tensor>>())
        {
            remove += source.register_forward_hook((_, input, output) =>
            {
                calls[source] = calls.GetValueOrDefault(source) + 1;
                // Of more than two dimensions, a linear layer's last is not the one that batch norm takes for channels.
                if (source is not TorchSharp.Modules.Linear || output.dim() == 2) results[output] = source;
                return output;
            }).remove;
        }

        foreach (BatchNormLayer layer in layers)
        {
            remove += layer.Module.register_forward_pre_hook((_, input) =>
            {
                calls[layer.Module] = calls.GetValueOrDefault(layer.Module) + 1;
                // Without γ and β there is no place for what a convolution without bias would have to add.
                sources.Add((layer, layer.Weight is null || layer.Bias is null ? null : results.GetValueOrDefault(input)));
                return input;
            }).remove;
        }

        try
        {
            Tensor output = Infer(model, images);
            var seen = sources.DistinctBy(s => s.Layer).ToLookup(s => s.Source is { } source && calls[s.Layer.Module] == 1 && calls[source] == 1);
            return (output, [.. seen[true].Select(s => (s.Source!, s.Layer))], [.. seen[false].Select(s => s.Layer)]);
        }
        finally
        {
            remove();
        }
    }
}
