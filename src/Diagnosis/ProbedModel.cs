using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Diagnosis;

/// <summary>
/// A model on the examination table: checked, its batch-norm layers found in the order of the forward pass, each switchable by hand between the batch's and
/// the running statistics. Dropout is off and no pass moves a buffer; disposing it puts the model back as it was.
/// </summary>
internal sealed class ProbedModel : IDisposable
{
    private readonly ModelState state;
    private readonly NativeMemory memory;
    private readonly IReadOnlyList<Module> dropouts;

    /// <summary>Checks the model and finds its layers with one forward pass of two images in inference mode.</summary>
    /// <param name="model">Stays the caller's.</param>
    /// <param name="images">(N, …) with N at least 2: what a batch holds. Stays the caller's.</param>
    /// <exception cref="ArgumentException">No batch-norm layer, a parameter or buffer that is missing or not finite, or images that make no batch.</exception>
    internal ProbedModel(Module<Tensor, Tensor> model, Tensor images)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(images);
        Model = model;
        IReadOnlyList<ProbedLayer> found = [.. BatchNormLayer.In(model).Select(layer => new ProbedLayer(layer))];
        if (found.Count == 0)
            throw new ArgumentException("The model has no batch-norm layer (BatchNorm1d, 2d, 3d, ModalBatchNorm2d or FrozenBatchNorm2d), so training and inference normalise alike and there is nothing to diagnose.", nameof(model));
        CheckTensors(model, found);
        CheckImages(images);
        dropouts = [.. model.modules().Where(IsDropout)];
        state = new ModelState(model);
        // Many passes want the same pieces of it.
        memory = new NativeMemory();
        try
        {
            Layers = Discover(found, images);
            Notes = [.. Remarks(found)];
            AsInInference();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The model.</summary>
    internal Module<Tensor, Tensor> Model { get; }

    /// <summary>The batch-norm layers that the forward pass uses, in its order.</summary>
    internal IReadOnlyList<ProbedLayer> Layers { get; }

    /// <summary>Those of them that differ between training and inference.</summary>
    internal IReadOnlyList<ProbedLayer> Switching => [.. Layers.Where(layer => layer.Switches)];

    /// <summary>What a reader of any figure should know about the model.</summary>
    internal IReadOnlyList<string> Notes { get; }

    /// <summary>Whether there is dropout at all.</summary>
    internal bool HasDropout => dropouts.Count > 0;

    /// <summary>Every layer normalises as it would in training; dropout stays off.</summary>
    internal void AsInTraining() => UseBatchStatistics(_ => true);

    /// <summary>Every layer normalises as it would in inference.</summary>
    internal void AsInInference() => UseBatchStatistics(_ => false);

    /// <summary>Chosen layers use the batch's statistics, the others the running ones. Layers that are the same in training and inference stay what they are.</summary>
    internal void UseBatchStatistics(Func<ProbedLayer, bool> which)
    {
        foreach (ProbedLayer layer in Layers) layer.Layer.NormaliseBy(layer.Switches ? which(layer) : layer.BatchInTraining);
    }

    /// <summary>The dropout of a network in which it comes after all batch norm and takes each image by itself; else null.</summary>
    internal Module<Tensor, Tensor>? LastDropout => (Model as UNetResNet50)?.Decoder.SpatialDropout;

    /// <summary>Switches the dropout layers on or off.</summary>
    internal void UseDropout(bool on)
    {
        foreach (Module dropout in dropouts) dropout.train(on);
    }

    /// <summary>One pass without gradients.</summary>
    /// <param name="images">(N, …).</param>
    /// <returns>The model's output, owned by the caller's scope.</returns>
    internal Tensor Forward(Tensor images)
    {
        using var pause = new CollectionPause();
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        return Model.call(images).MoveToOuterDisposeScope();
    }

    /// <summary>One pass in which layers show what they are given, once for each use.</summary>
    /// <param name="images">(N, …).</param>
    /// <param name="watched">The layers.</param>
    /// <param name="see">Gets a layer and its input, which is valid during the call only.</param>
    /// <returns>The model's output, owned by the caller's scope.</returns>
    internal Tensor Forward(Tensor images, IEnumerable<ProbedLayer> watched, Action<ProbedLayer, Tensor> see)
    {
        Action end = () => { };
        foreach (ProbedLayer layer in watched) end += layer.Layer.Watch(input => see(layer, input));
        try
        {
            return Forward(images);
        }
        finally
        {
            end();
        }
    }

    /// <summary>Throws if a batch of this many images has no variance in a layer that would use the batch's statistics.</summary>
    /// <exception cref="ArgumentException">One layer sees a single value per channel.</exception>
    internal void CheckBatchSize(long images)
    {
        if (Switching.FirstOrDefault(layer => layer.ValuesPerImage * images < 2 * layer.Uses) is { } poor)
            throw new ArgumentException($"The batch-norm layer '{poor.Name}' sees a single value per channel in a batch of {images}, which has no variance. Use more images per batch or larger images.", nameof(images));
    }

    /// <summary>Puts the model back as it was.</summary>
    public void Dispose()
    {
        state.Dispose();
        memory.Dispose();
    }

    private IReadOnlyList<ProbedLayer> Discover(IReadOnlyList<ProbedLayer> found, Tensor images)
    {
        Model.train();
        foreach (ProbedLayer layer in found) (layer.BatchInTraining, layer.UpdatesInTraining) = (layer.Layer.UsesBatchNow, layer.Layer.UpdatesNow);
        Model.eval();
        foreach (ProbedLayer layer in found) layer.BatchInInference = layer.Layer.UsesBatchNow;

        int place = 0;
        Action remove = () => { };
        // Hooks, because without them a network may compute in another order than that of its layers.
        foreach (ProbedLayer layer in found)
        {
            remove += layer.Module.register_forward_pre_hook((_, input) =>
            {
                if (layer.Uses++ == 0) layer.Place = place++;
                layer.ValuesPerImage += input.numel() / layer.Channels / 2;
                return input;
            }).remove;
        }

        try
        {
            using var scope = NewDisposeScope();
            Forward(images.narrow(0, 0, 2));
        }
        finally
        {
            remove();
        }

        return [.. found.Where(layer => layer.Uses > 0).OrderBy(layer => layer.Place)];
    }

    private static IEnumerable<string> Remarks(IReadOnlyList<ProbedLayer> found)
    {
        foreach (ProbedLayer layer in found.Where(layer => layer.Uses > 1))
            yield return $"'{layer.Name}' is used {layer.Uses} times in one forward pass: its running statistics mix {layer.Uses} distributions and fit none. Give every place a layer of its own.";
        string[] unused = [.. found.Where(layer => layer.Uses == 0).Select(layer => layer.Name)];
        if (unused.Length > 0) yield return $"The forward pass does not use {unused.Length} batch-norm layer{(unused.Length > 1 ? "s" : "")} ({string.Join(", ", unused.Take(3))}{(unused.Length > 3 ? ", …" : "")}); they are left out.";
        string[] always = [.. found.Where(layer => layer.Uses > 0 && layer.BatchInInference).Select(layer => layer.Name)];
        if (always.Length > 0) yield return $"{always.Length} batch-norm layer{(always.Length > 1 ? "s normalise" : " normalises")} by the batch in inference too ({string.Join(", ", always.Take(3))}{(always.Length > 3 ? ", …" : "")}): a prediction depends on the other images of its batch.";
    }

    private static void CheckTensors(Module model, IReadOnlyList<ProbedLayer> layers)
    {
        foreach (ProbedLayer layer in layers)
        {
            if ((layer.Layer.Mean is null) != (layer.Layer.Variance is null) || layer.Layer.Mean is { IsInvalid: true } || layer.Layer.Variance is { IsInvalid: true })
                throw new ArgumentException($"The batch-norm layer '{layer.Name}' lacks a running mean or a running variance, or it was disposed. Load the weights again, with both buffers.", nameof(model));
        }

        using var scope = NewDisposeScope();
        foreach ((string name, Tensor tensor) in ModelState.Tensors(model))
        {
            if (tensor.is_floating_point() && !tensor.isfinite().all().item<bool>())
                throw new ArgumentException($"'{name}' holds a value that is not finite (NaN or infinity), so every figure would be one too. Load the weights from before training diverged.", nameof(model));
        }
    }

    private static void CheckImages(Tensor images)
    {
        using var scope = NewDisposeScope();
        if (images.dim() == 0 || images.shape[0] < 2)
            throw new ArgumentException($"A diagnosis compares the statistics of a batch with the running ones and needs at least 2 images, and got ({string.Join(", ", images.shape)}). Use a larger batch.", nameof(images));
        if (!images.isfinite().all().item<bool>())
            throw new ArgumentException("The images hold a value that is not finite (NaN or infinity). Check the preprocessing.", nameof(images));
    }

    private static bool IsDropout(Module module) => module.GetType().Name.Contains("Drop", StringComparison.Ordinal);
}
