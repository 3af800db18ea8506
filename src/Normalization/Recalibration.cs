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
    /// <summary>
    /// Counts statistics over the images, with dropout off. Changes <c>running_mean</c> and <c>running_var</c> of the batch-norm layers in <paramref name="model"/>
    /// and nothing else: parameters, modes and training flags are as before. A layer that the forward pass does not use keeps its statistics, and after an error every
    /// layer does. To go back later, take a <see cref="RunningStatistics"/> first.
    /// </summary>
    /// <param name="model">The network; its <see cref="ModalBatchNorm2d"/> layers are recalibrated.</param>
    /// <param name="batches">Preprocessed images (N, 3, H, W), at least one batch; layer by layer they are gone through more than once. The caller keeps them.</param>
    /// <param name="options">How to count; null for one pass over all images with every layer normalising by the batch, as in training.</param>
    /// <returns>Number of images used.</returns>
    /// <exception cref="ArgumentException">There is no such layer, or no batch.</exception>
    public static long Recalibrate(Module<Tensor, Tensor> model, IEnumerable<Tensor> batches, RecalibrationOptions? options = null)
    {
        options ??= new RecalibrationOptions();
        ModalBatchNorm2d[] layers = [.. model.BatchNormLayers().Select(l => l.Layer)];
        if (layers.Length == 0) throw new ArgumentException("The model has no ModalBatchNorm2d layer, so there is nothing to recalibrate.", nameof(model));

        using var modes = new ModeSnapshot(model);
        model.eval();
        if (!options.LayerByLayer)
        {
            model.SetBatchNormMode(BatchNormMode.BatchOnly);
            return Count(model, First(batches, options.Images), layers);
        }

        model.SetBatchNormMode(BatchNormMode.Inference);
        using var before = new RunningStatistics(model);
        try
        {
            long images = 0;
            foreach ((ModalBatchNorm2d layer, int uses) in ForwardOrder(model, First(batches, 1), layers))
            {
                long counted = Count(model, First(batches, options.Images), [layer], stopThere: uses == 1);
                if (images != 0 && counted != images) throw new ArgumentException($"The batches gave {images} images, and {counted} when they were gone through again. Layer by layer they must be the same each time; use a list or a loader.", nameof(batches));
                images = counted;
            }

            return images;
        }
        catch
        {
            before.Restore();
            throw;
        }
    }

    /// <summary>
    /// Recalibrates, and blends the new statistics with the old ones: the old ones count as <paramref name="pseudoCount"/> images. For few images from the new domain,
    /// whose statistics are noisy, and an old domain that is not too far.
    /// </summary>
    /// <param name="model">The network.</param>
    /// <param name="batches">Preprocessed images, see <see cref="Recalibrate"/>.</param>
    /// <param name="pseudoCount">N, 0 (only the new statistics) to infinity (only the old ones), see <see cref="RunningStatistics.BlendWithPresent"/>.</param>
    /// <param name="options">How to count; null for the default.</param>
    /// <returns>Number of images used.</returns>
    public static long Blend(Module<Tensor, Tensor> model, IEnumerable<Tensor> batches, double pseudoCount, RecalibrationOptions? options = null)
    {
        if (!(pseudoCount >= 0)) throw new ArgumentOutOfRangeException(nameof(pseudoCount), pseudoCount, "The pseudo-count must be 0 or more.");
        using var source = new RunningStatistics(model);
        long images = Recalibrate(model, batches, options);
        source.BlendWithPresent(pseudoCount, images);
        return images;
    }

    /// <summary>Resets the running statistics of every batch-norm layer to those of a new one, mean 0 and variance 1, and forgets zero-debiased averages.</summary>
    /// <param name="module">The module.</param>
    public static void Reset(Module module)
    {
        using var noGrad = no_grad();
        foreach ((_, ModalBatchNorm2d layer) in module.BatchNormLayers()) layer.ResetStatistics();
    }

    /// <summary>One pass that pools what arrives at some layers and then writes it to them.</summary>
    private static long Count(Module<Tensor, Tensor> model, IEnumerable<Tensor> batches, IReadOnlyList<ModalBatchNorm2d> layers, bool stopThere = false)
    {
        PooledStatistics[] pooled = [.. layers.Select(l => new PooledStatistics(l.Channels))];
        var hooks = layers.Select((l, i) => l.register_forward_pre_hook((_, input) =>
        {
            pooled[i].Add(input);
            return stopThere ? throw new FarEnough() : input;
        })).ToList();
        long images = 0;
        try
        {
            using var noGrad = no_grad();
            foreach (Tensor batch in batches)
            {
                using var pause = new CollectionPause();
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

            if (images == 0) throw new ArgumentException("There was no batch of images to take the statistics from.", nameof(batches));
            for (int i = 0; i < layers.Count; i++)
            {
                if (pooled[i].Count > 0) pooled[i].WriteTo(layers[i]);
            }
        }
        finally
        {
            foreach (var hook in hooks) hook.remove();
            foreach (PooledStatistics statistics in pooled) statistics.Dispose();
        }

        return images;
    }

    /// <summary>The layers that the forward pass uses, in its order, and how often it uses each.</summary>
    private static IReadOnlyList<(ModalBatchNorm2d Layer, int Uses)> ForwardOrder(Module<Tensor, Tensor> model, IEnumerable<Tensor> images, IReadOnlyList<ModalBatchNorm2d> layers)
    {
        var order = new List<ModalBatchNorm2d>();
        var hooks = layers.Select(l => l.register_forward_pre_hook((_, input) => { order.Add(l); return input; })).ToList();
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
