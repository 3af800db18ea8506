using System.Runtime.CompilerServices;
using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Normalization;

/// <summary>
/// Batch statistics in inference too ("prediction-time batch normalisation", TENT's <c>Norm</c>): no data to keep and no gap where test batches are like training
/// batches. Read <see cref="Warning"/>.
/// </summary>
public static class TestTimeStatistics
{
    /// <summary>What must be said with every such prediction.</summary>
    public const string Warning =
        "A prediction depends on its companions: the same image gives another result in another batch, a batch of one kind of image loses what makes it that kind, and a batch of one image has hardly any statistics. Use it only for large, mixed batches.";

    private static readonly ConditionalWeakTable<Module, ModeSnapshot> Before = [];

    /// <summary>Switches every batch-norm layer of a model to <see cref="BatchNormMode.BatchOnly"/>.</summary>
    /// <param name="model">The network.</param>
    /// <returns>Number of layers switched.</returns>
    /// <exception cref="ArgumentException">It has no such layer.</exception>
    public static int Apply(Module model)
    {
        var layers = model.BatchNormLayers();
        if (layers.Count == 0) throw BatchNormLayer.Missing(nameof(model), ", so it has no statistics to take from the batch");
        foreach ((_, BatchNormLayer layer) in layers)
        {
            Before.TryAdd(layer.Module, new ModeSnapshot(layer.Module));
            layer.Mode = BatchNormMode.BatchOnly;
        }

        return layers.Count;
    }

    /// <summary>Takes back <see cref="Apply"/>: every layer is in the mode from before.</summary>
    /// <param name="module">The network or a part of it.</param>
    /// <returns>Number of layers switched back; 0 where none was switched.</returns>
    public static int Undo(Module module)
    {
        int count = 0;
        foreach ((_, BatchNormLayer layer) in module.BatchNormLayers())
        {
            if (!Before.TryGetValue(layer.Module, out ModeSnapshot? before)) continue;
            before.PutModesBack();
            Before.Remove(layer.Module);
            count++;
        }

        return count;
    }

    /// <summary>How much companions matter where batch statistics are used: the largest change of an output value of the first image between one half of the other images as company and the other half.</summary>
    /// <param name="model">The network; it is left as it was.</param>
    /// <param name="images">At least 3 images; stay the caller's.</param>
    /// <exception cref="ArgumentException">Fewer than 3 images.</exception>
    public static double CompanionEffect(Module<Tensor, Tensor> model, Tensor images)
    {
        if (images.dim() == 0 || images.shape[0] < 3) throw new ArgumentException($"Two companies for the first image need at least 3 images, and got ({string.Join(", ", images.shape)}).", nameof(images));
        using var flags = new ModeSnapshot(model);
        using var noGrad = no_grad();
        using var pause = new CollectionPause();
        using var scope = NewDisposeScope();
        model.eval();
        long half = (images.shape[0] - 1) / 2;
        Tensor Among(long from) => model.call(cat([images.narrow(0, 0, 1), images.narrow(0, from, half)])).narrow(0, 0, 1);
        return (Among(1) - Among(1 + half)).abs().max().to(float64).item<double>();
    }
}
