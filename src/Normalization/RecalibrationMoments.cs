using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Normalization;

/// <summary>
/// Count, sum and sum of squares of what arrives at every batch-norm layer of a network, over any number of images: what <see cref="Recalibration"/> writes mean and variance
/// from. Such sums add up, so that many machines can count a part of the images each, and the sum is what one pass over all of them gives.
/// </summary>
/// <remarks>
/// They are those of a single pass in which every layer normalises by its batch, as in training. For the same result in one piece and in many, divide the images between two
/// batches, never within one. Layer by layer (<see cref="RecalibrationOptions.LayerByLayer"/>) there is nothing to add up at the end: each layer waits for the merged statistics
/// of the layers before it.
/// </remarks>
public sealed class RecalibrationMoments : IDisposable
{
    internal RecalibrationMoments(IReadOnlyDictionary<string, PooledStatistics> layers, long images) => (Layers, Images) = (layers, images);

    /// <summary>Number of images so far.</summary>
    public long Images { get; private set; }

    /// <summary>Statistics by the layer's dotted name.</summary>
    internal IReadOnlyDictionary<string, PooledStatistics> Layers { get; }

    /// <summary>Counts over images, with dropout off. The network is left as it was.</summary>
    /// <param name="model">Any network with batch-norm layers that keep running statistics, this library's or TorchSharp's.</param>
    /// <param name="batches">Preprocessed images (N, 3, H, W); no batch gives moments of no image. The caller keeps them.</param>
    /// <returns>The moments, owned by the caller.</returns>
    /// <exception cref="ArgumentException">There is no such layer.</exception>
    public static RecalibrationMoments Measure(Module<Tensor, Tensor> model, IEnumerable<Tensor> batches)
    {
        ArgumentNullException.ThrowIfNull(batches);
        BatchNormLayer[] layers = Recalibration.Countable(model, nameof(model));
        PooledStatistics[] pooled = [.. layers.Select(l => new PooledStatistics(l.Channels))];
        var moments = new RecalibrationMoments(layers.Zip(pooled).ToDictionary(pair => pair.First.Name, pair => pair.Second), 0);
        try
        {
            using var modes = new ModeSnapshot(model);
            model.eval();
            foreach (BatchNormLayer layer in layers) layer.NormaliseBy(batch: true);
            moments.Images = Recalibration.Pool(model, batches, layers, pooled);
            return moments;
        }
        catch
        {
            moments.Dispose();
            throw;
        }
    }

    /// <summary>Takes in the moments of other images.</summary>
    /// <param name="other">Moments of the same network; they stay as they are.</param>
    /// <exception cref="ArgumentException">They are of another network. Nothing is added then.</exception>
    public void Add(RecalibrationMoments other)
    {
        ArgumentNullException.ThrowIfNull(other);
        CheckFits(other.Layers.Select(l => (l.Key, l.Value.Channels)), nameof(other));
        foreach ((string name, PooledStatistics statistics) in Layers) statistics.Add(other.Layers[name]);
        Images += other.Images;
    }

    /// <summary>Throws if the layers are not those of a network.</summary>
    internal void CheckFits(IReadOnlyList<BatchNormLayer> layers, string parameter) => CheckFits(layers.Select(l => (l.Name, l.Channels)), parameter);

    /// <summary>Frees the sums.</summary>
    public void Dispose()
    {
        foreach (PooledStatistics statistics in Layers.Values) statistics.Dispose();
    }

    private void CheckFits(IEnumerable<(string Name, long Channels)> others, string parameter)
    {
        var expected = others.ToDictionary(l => l.Name, l => l.Channels);
        string? wrong = expected.Keys.Concat(Layers.Keys).FirstOrDefault(name => !expected.TryGetValue(name, out long channels) || !Layers.TryGetValue(name, out PooledStatistics? own) || own.Channels != channels);
        if (wrong is not null) throw new ArgumentException($"The moments are of another network: the batch-norm layer '{wrong}' is missing on one side or has another number of channels.", parameter);
    }
}
