using System.Runtime.CompilerServices;
using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Normalization;

/// <summary>
/// Replaces the running statistics of batch-norm layers by those of a set of images, without training: AdaBN (Li 2016), PreciseBN (Wu and Johnson 2021).
/// It repairs a network that was trained with batch statistics and is judged by foreign ones.
/// </summary>
/// <remarks>
/// The statistics are pooled by the law of total variance, weighted by the number of values, in double precision:
/// mean = Σ nᵢμᵢ / Σ nᵢ and variance = Σ nᵢ(vᵢ + μᵢ²) / Σ nᵢ − mean². Averaging the variances of the batches instead, as a cumulative moving average
/// does, forgets that the batches' means differ: for a batch of N(0, 1) and one of N(5, 3²) it gives about 5, and the truth is about 11.25.
/// </remarks>
public static class Recalibration
{
    private static readonly ConditionalWeakTable<Module, RunningStatistics> Before = [];

    /// <summary>
    /// Counts statistics over the images, with dropout off. Changes <c>running_mean</c> and <c>running_var</c> of the batch-norm layers in <paramref name="model"/>
    /// and nothing else: parameters, modes and training flags are as before. A layer that the forward pass does not use keeps its statistics, and after an error every
    /// layer does. <see cref="Undo"/> goes back.
    /// </summary>
    /// <param name="model">Any network with batch-norm layers that keep running statistics, this library's or TorchSharp's.</param>
    /// <param name="batches">Preprocessed images (N, 3, H, W), at least one batch; layer by layer they are gone through more than once. The caller keeps them.</param>
    /// <param name="options">How to count, and whether to blend; null for one pass over all images with every layer normalising by the batch, as in training.</param>
    /// <returns>Number of images used.</returns>
    /// <exception cref="ArgumentException">There is no such layer, or no batch.</exception>
    /// <remarks>TorchSharp's own way, <c>momentum = null</c> and a pass in training mode, averages the variances of the batches.</remarks>
    public static long Apply(Module<Tensor, Tensor> model, IEnumerable<Tensor> batches, RecalibrationOptions? options = null)
    {
        options ??= new RecalibrationOptions();
        BatchNormLayer[] layers = Countable(model, nameof(model));
        return Replace(layers, options.PseudoCount, () => Count(model, batches, layers, options));
    }

    /// <summary>Writes statistics that were counted before, in one piece or in many, and changes nothing else; <see cref="Undo"/> goes back.</summary>
    /// <param name="model">The network that they were counted with.</param>
    /// <param name="moments">What arrived at its batch-norm layers; a layer that nothing reached keeps its statistics. They stay the caller's.</param>
    /// <param name="pseudoCount">See <see cref="RecalibrationOptions.PseudoCount"/>.</param>
    /// <returns>Number of images used.</returns>
    /// <exception cref="ArgumentException">They are of no image, or of another network.</exception>
    public static long Apply(Module<Tensor, Tensor> model, RecalibrationMoments moments, double pseudoCount = 0)
    {
        ArgumentNullException.ThrowIfNull(moments);
        pseudoCount = new RecalibrationOptions { PseudoCount = pseudoCount }.PseudoCount;
        BatchNormLayer[] layers = Countable(model, nameof(model));
        moments.CheckFits(layers, nameof(moments));
        if (moments.Images == 0) throw new ArgumentException("The moments are of no image, so there are no statistics in them.", nameof(moments));
        return Replace(layers, pseudoCount, () =>
        {
            Write(layers, [.. layers.Select(layer => moments.Layers[layer.Name])]);
            return moments.Images;
        });
    }

    /// <summary>Takes back <c>Apply</c> and <see cref="Reset"/>: every layer gets back the statistics from before the first of them, byte for byte.</summary>
    /// <param name="module">The network or a part of it. What training has done to the statistics since is lost.</param>
    /// <returns>Number of layers that got their statistics back; 0 where nothing was recalibrated.</returns>
    public static int Undo(Module module)
    {
        int count = 0;
        foreach (BatchNormLayer layer in BatchNormLayer.In(module))
        {
            if (!Before.TryGetValue(layer.Module, out RunningStatistics? before)) continue;
            before.Restore();
            before.Dispose();
            Before.Remove(layer.Module);
            count++;
        }

        return count;
    }

    /// <summary>Resets the running statistics of every batch-norm layer to those of a new one, mean 0 and variance 1, and forgets zero-debiased averages.</summary>
    /// <param name="module">The module.</param>
    /// <exception cref="ArgumentException">There is no such layer.</exception>
    public static void Reset(Module module)
    {
        BatchNormLayer[] layers = Countable(module, nameof(module));
        new RunningStatistics(layers).KeepIn(Before);
        using var noGrad = no_grad();
        foreach (BatchNormLayer layer in layers) layer.ResetStatistics();
    }

    /// <summary>Replaces statistics, blends them with the old ones and keeps those for <see cref="Undo"/>; after an error the old ones are back.</summary>
    private static long Replace(BatchNormLayer[] layers, double pseudoCount, Func<long> count)
    {
        var before = new RunningStatistics(layers);
        try
        {
            long images = count();
            before.BlendWithPresent(pseudoCount, images);
            before.KeepIn(Before);
            return images;
        }
        catch
        {
            before.Restore();
            before.Dispose();
            throw;
        }
    }

    /// <summary>The layers whose statistics can be counted.</summary>
    internal static BatchNormLayer[] Countable(Module module, string parameter)
    {
        BatchNormLayer[] layers = [.. module.BatchNormLayers().Select(l => l.Layer).Where(layer => layer.HasStatistics)];
        return layers.Length > 0 ? layers : throw BatchNormLayer.Missing(parameter, " with running statistics, so there are none to count");
    }

    private static long Count(Module<Tensor, Tensor> model, IEnumerable<Tensor> batches, BatchNormLayer[] layers, RecalibrationOptions options)
    {
        using var modes = new ModeSnapshot(model);
        model.eval();
        foreach (BatchNormLayer layer in layers) layer.NormaliseBy(batch: !options.LayerByLayer);
        return options.LayerByLayer ? CountLayerByLayer(model, batches, layers, options.Images) : Count(model, First(batches, options.Images), layers);
    }

    /// <summary>Counts for one layer after the other, each fed by layers that are done.</summary>
    private static long CountLayerByLayer(Module<Tensor, Tensor> model, IEnumerable<Tensor> batches, BatchNormLayer[] layers, long? most)
    {
        long images = 0;
        foreach ((BatchNormLayer layer, int uses) in ForwardOrder(model, First(batches, 1), layers))
        {
            long counted = Count(model, First(batches, most), [layer], stopThere: uses == 1);
            if (images != 0 && counted != images) throw new ArgumentException($"The batches gave {images} images, and {counted} when they were gone through again. Layer by layer they must be the same each time; use a list or a loader.", nameof(batches));
            images = counted;
        }

        return images;
    }

    /// <summary>One pass that pools what arrives at some layers and then writes it to them.</summary>
    private static long Count(Module<Tensor, Tensor> model, IEnumerable<Tensor> batches, IReadOnlyList<BatchNormLayer> layers, bool stopThere = false)
    {
        PooledStatistics[] pooled = [.. layers.Select(l => new PooledStatistics(l.Channels))];
        try
        {
            long images = Pool(model, batches, layers, pooled, stopThere);
            if (images == 0) throw new ArgumentException("There was no batch of images to take the statistics from.", nameof(batches));
            Write(layers, pooled);
            return images;
        }
        finally
        {
            foreach (PooledStatistics statistics in pooled) statistics.Dispose();
        }
    }

    private static void Write(IReadOnlyList<BatchNormLayer> layers, IReadOnlyList<PooledStatistics> pooled)
    {
        for (int i = 0; i < layers.Count; i++)
        {
            if (pooled[i].Count > 0) pooled[i].WriteTo(layers[i]);
        }
    }

    /// <summary>One pass that pools what arrives at some layers.</summary>
    /// <returns>Number of images.</returns>
    internal static long Pool(Module<Tensor, Tensor> model, IEnumerable<Tensor> batches, IReadOnlyList<BatchNormLayer> layers, IReadOnlyList<PooledStatistics> pooled, bool stopThere = false)
    {
        using var memory = new NativeMemory();
        Action end = () => { };
        for (int i = 0; i < layers.Count; i++)
        {
            PooledStatistics counter = pooled[i];
            end += !stopThere ? layers[i].Count(counter) : layers[i].Module.register_forward_pre_hook((_, input) =>
            {
                counter.Add(input);
                throw new FarEnough();
            }).remove;
        }

        long images = 0;
        try
        {
            using var noGrad = no_grad();
            using var pause = new CollectionPause();
            foreach (Tensor batch in batches)
            {
                pause.Renew();
                using var scope = NewDisposeScope();
                try
                {
                    model.call(batch);
                }
                catch (FarEnough)
                {
                    // What comes behind the layer has nothing to say.
                }

                images += batch.shape[0];
            }

            return images;
        }
        finally
        {
            end();
        }
    }

    /// <summary>The layers that the forward pass uses, in its order, and how often it uses each.</summary>
    private static IReadOnlyList<(BatchNormLayer Layer, int Uses)> ForwardOrder(Module<Tensor, Tensor> model, IEnumerable<Tensor> images, IReadOnlyList<BatchNormLayer> layers)
    {
        var order = new List<BatchNormLayer>();
        var hooks = layers.Select(l => l.Module.register_forward_pre_hook((_, input) => { order.Add(l); return input; })).ToList();
        try
        {
            using var noGrad = no_grad();
            using var scope = NewDisposeScope();
            foreach (Tensor image in images) model.call(image);
            return order.Count > 0 ? [.. order.Distinct().Select(l => (l, order.Count(o => o == l)))] : throw new ArgumentException("There was no batch of images to take the statistics from.", "batches");
        }
        finally
        {
            foreach (var hook in hooks) hook.remove();
        }
    }

    /// <summary>The first images, however they are cut.</summary>
    private static IEnumerable<Tensor> First(IEnumerable<Tensor> batches, long? count)
    {
        long left = count ?? long.MaxValue;
        foreach (Tensor batch in batches)
        {
            if (batch.shape[0] <= left)
            {
                yield return batch;
            }
            else
            {
                using Tensor some = batch.narrow(0, 0, left);
                yield return some;
            }

            left -= batch.shape[0];
            if (left <= 0) yield break;
        }
    }

    /// <summary>Ends a forward pass at the layer that is counted.</summary>
    private sealed class FarEnough : Exception;
}
