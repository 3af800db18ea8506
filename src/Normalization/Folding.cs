using TorchSharp.Modules;
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
    /// Folds every <see cref="ModalBatchNorm2d"/> that takes what a convolution gives, found by one forward pass in inference mode, and compares the outputs before and
    /// after. Folded layers count as no batch-norm layers any more and are not trained, nor are their convolutions; training flags and all other parameters stay.
    /// </summary>
    /// <param name="model">The network; changed in place.</param>
    /// <param name="images">What the two are compared on (N, 3, H, W), N at least 1; stays the caller's.</param>
    /// <param name="only">The part to fold, for example <c>unet.Encoder</c>; null for the whole model.</param>
    /// <param name="tolerance">Largest relative error that is accepted.</param>
    /// <exception cref="ArgumentException">A layer to fold normalises by the batch in inference mode, or there is nothing to fold. Nothing is changed then.</exception>
    /// <exception cref="InvalidOperationException">The outputs differ by more than <paramref name="tolerance"/>. Nothing is changed then.</exception>
    public static FoldingReport Apply(Module<Tensor, Tensor> model, Tensor images, Module? only = null, double tolerance = 1e-4)
    {
        var inside = new HashSet<Module>((only ?? model).modules().Prepend(only ?? model), ReferenceEqualityComparer.Instance);
        var names = model.BatchNormLayers().Where(l => inside.Contains(l.Layer)).ToDictionary(l => l.Layer, l => l.Name, (IEqualityComparer<ModalBatchNorm2d>)ReferenceEqualityComparer.Instance);
        if (names.FirstOrDefault(n => n.Key.Mode == BatchNormMode.BatchOnly) is { Key: not null } batchOnly)
            throw new ArgumentException($"'{batchOnly.Value}' normalises by the batch in inference too, and the batch is not known to a convolution. Give it BatchNormMode.Inference first.", nameof(model));

        using var scope = NewDisposeScope();
        (Tensor before, var pairs, var left) = Trace(model, images, names.Keys);
        if (pairs.Count == 0)
            throw new ArgumentException("The model has no ModalBatchNorm2d layer that takes what a convolution gives, so there is nothing to fold.", nameof(model));

        List<FoldedNorm> folded = [.. pairs.Select(p => new FoldedNorm(p.Convolution, p.Layer))];
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
        return new FoldingReport([.. pairs.Select(p => names[p.Layer])], [.. left.Select(l => names[l])], error);
    }

    /// <summary>Takes back <see cref="Apply"/> in a module and below: convolutions and layers get back every byte that they had, and whether they are trained.</summary>
    /// <param name="module">The module. Training that a folded convolution went through is lost.</param>
    /// <returns>Number of layers unfolded; 0 where none was folded.</returns>
    public static int Undo(Module module)
    {
        FoldedNorm[] folded = [.. module.modules().Prepend(module).OfType<ModalBatchNorm2d>().Select(l => l.Replacement).OfType<FoldedNorm>().Distinct()];
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
    private static (Tensor Output, List<(Conv2d Convolution, ModalBatchNorm2d Layer)> Pairs, List<ModalBatchNorm2d> Left) Trace(
        Module<Tensor, Tensor> model, Tensor images, IEnumerable<ModalBatchNorm2d> layers)
    {
        // The results are kept in the list until the pass is over, so that none is mistaken for another at the same address.
        var results = new Dictionary<Tensor, Conv2d>(ReferenceEqualityComparer.Instance);
        var calls = new Dictionary<Module, int>(ReferenceEqualityComparer.Instance);
        var sources = new List<(ModalBatchNorm2d Layer, Conv2d? Convolution)>();
        Action remove = () => { };
        foreach (Conv2d convolution in model.modules().OfType<Conv2d>().Distinct())
        {
            remove += convolution.register_forward_hook((_, _, output) =>
            {
                calls[convolution] = calls.GetValueOrDefault(convolution) + 1;
                results[output] = convolution;
                return output;
            }).remove;
        }

        foreach (ModalBatchNorm2d layer in layers)
        {
            remove += layer.register_forward_pre_hook((_, input) =>
            {
                calls[layer] = calls.GetValueOrDefault(layer) + 1;
                sources.Add((layer, results.GetValueOrDefault(input)));
                return input;
            }).remove;
        }

        try
        {
            Tensor output = Infer(model, images);
            var seen = sources.DistinctBy(s => s.Layer).ToLookup(s => s.Convolution is { } convolution && calls[s.Layer] == 1 && calls[convolution] == 1);
            return (output, [.. seen[true].Select(s => (s.Convolution!, s.Layer))], [.. seen[false].Select(s => s.Layer)]);
        }
        finally
        {
            remove();
        }
    }
}
