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
    /// One pass over the images with every layer normalising by the batch, as in training, but with dropout off. Changes
    /// <c>running_mean</c> and <c>running_var</c> of the batch-norm layers in <paramref name="model"/> and nothing else: parameters, modes and
    /// training flags are as before. A layer that the forward pass does not use keeps its statistics, and after an error every layer does.
    /// </summary>
    /// <param name="model">The network; its <see cref="ModalBatchNorm2d"/> layers are recalibrated.</param>
    /// <param name="batches">Preprocessed images (N, 3, H, W), at least one batch. The caller keeps them.</param>
    /// <returns>Number of images used.</returns>
    /// <exception cref="ArgumentException">There is no such layer, or no batch.</exception>
    public static long Recalibrate(Module<Tensor, Tensor> model, IEnumerable<Tensor> batches)
    {
        var layers = model.BatchNormLayers();
        if (layers.Count == 0) throw new ArgumentException("The model has no ModalBatchNorm2d layer, so there is nothing to recalibrate.", nameof(model));

        PooledStatistics[] pooled = [.. layers.Select(l => new PooledStatistics(l.Layer.Channels))];
        using var modes = new ModeSnapshot(model);
        var hooks = layers.Select((l, i) => l.Layer.register_forward_pre_hook((_, input) => { pooled[i].Add(input); return input; })).ToList();
        long images = 0;
        try
        {
            model.eval();
            model.SetBatchNormMode(BatchNormMode.BatchOnly);
            using var noGrad = no_grad();
            foreach (Tensor batch in batches)
            {
                using var scope = NewDisposeScope();
                model.call(batch);
                images += batch.shape[0];
            }

            if (images == 0) throw new ArgumentException("There was no batch of images to take the statistics from.", nameof(batches));
            for (int i = 0; i < layers.Count; i++)
            {
                if (pooled[i].Count > 0) pooled[i].WriteTo(layers[i].Layer);
            }
        }
        finally
        {
            foreach (var hook in hooks) hook.remove();
            foreach (PooledStatistics statistics in pooled) statistics.Dispose();
        }

        return images;
    }
}
