using TorchSharp;
using UnetResnet.Data;
using UnetResnet.Diagnosis;
using UnetResnet.Models;
using UnetResnet.Normalization;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>Makes one batch-norm layer of the encoder ill at a time and asks where the attribution ranks it.</summary>
internal static class AttributionSweep
{
    /// <summary>
    /// Recalibrates the network, so that every layer is healthy; then, layer by layer, moves the running mean by one standard deviation, makes the running variance
    /// four times as large, ranks, and puts both back. The network is left as it was.
    /// </summary>
    /// <param name="unet">The network.</param>
    /// <param name="images">Batches to recalibrate on.</param>
    /// <param name="batch">A random sample of images to diagnose on.</param>
    /// <param name="places">Which of the encoder's 53 layers, from 0; null for all.</param>
    /// <param name="progress">Told about every layer, or null.</param>
    /// <returns>For every layer its rank, 1 where the attribution is right.</returns>
    internal static IReadOnlyList<(string Layer, int Rank)> Run(
        UNetResNet50 unet, IEnumerable<torch.Tensor> images, Batch batch, IEnumerable<int>? places = null, Action<string, int>? progress = null)
    {
        using var whole = new ModelState(unet);
        Recalibration.Apply(unet, images);
        unet.Encoder.SetBatchNormMode(BatchNormMode.Keras213);
        var layers = unet.Encoder.BatchNormLayers();
        var ranks = new List<(string, int)>();
        foreach (int place in places ?? Enumerable.Range(0, layers.Count))
        {
            (string name, BatchNormLayer layer) = layers[place];
            using var state = new ModelState(unet);
            using (torch.no_grad())
            {
                using torch.Tensor deviation = layer.RunningVar.sqrt();
                layer.RunningMean.add_(deviation);
                layer.RunningVar.mul_(4);
            }

            int rank = LayerAttribution.Rank(unet, batch).ToList().IndexOf($"encoder.{name}") + 1;
            ranks.Add((name, rank));
            progress?.Invoke(name, rank);
        }

        return ranks;
    }
}
