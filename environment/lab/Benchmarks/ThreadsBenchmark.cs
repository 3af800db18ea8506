using System.Text.Json.Serialization;
using UnetResnet.Data;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using UnetResnet.Training;
using static TorchSharp.torch;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>A training with a number of threads.</summary>
/// <param name="Threads">Threads of one operation.</param>
/// <param name="Repeatable">Whether a second training with the same seed and threads has the same losses and weights, bit for bit.</param>
/// <param name="SameAsOne">Whether losses and weights are those of one thread, bit for bit.</param>
/// <param name="LossSpread">The largest relative difference of a loss (training, validation, training images in inference mode) from that of one thread, over all epochs.</param>
/// <param name="IoUSpread">The largest difference of a validation IoU from that of one thread.</param>
/// <param name="ValidationLoss">Validation loss at the end.</param>
/// <param name="ValidationIoU">Validation IoU at the end.</param>
internal sealed record ThreadsResult(
    int Threads, bool Repeatable, bool SameAsOne, double LossSpread, [property: JsonPropertyName("iou_spread")] double IoUSpread, double ValidationLoss, [property: JsonPropertyName("validation_iou")] double ValidationIoU);

/// <summary>How far a training differs from one thread count to another: sums are split between threads, and floating-point sums depend on their order.</summary>
internal static class ThreadsBenchmark
{
    /// <summary>Trains with each number of threads, twice, and compares with one thread.</summary>
    /// <param name="counts">Numbers of threads.</param>
    /// <param name="preset">Network, images and training.</param>
    /// <param name="mode">What the encoder's batch norm does; its other parameters are frozen.</param>
    /// <param name="progress">Told about every training that ends.</param>
    /// <param name="cancellation">Stops between two batches.</param>
    public static IReadOnlyList<ThreadsResult> Run(IReadOnlyList<int> counts, Preset preset, BatchNormMode mode, IProgress<string> progress, CancellationToken cancellation)
    {
        int before = get_num_threads();
        try
        {
            BrainMri data = preset.LoadData();
            (TrainingHistory one, string bits) = Train(1, data, preset, mode, cancellation);
            var results = new List<ThreadsResult>();
            foreach (int count in counts)
            {
                (TrainingHistory history, string first) = Train(count, data, preset, mode, cancellation);
                string second = Train(count, data, preset, mode, cancellation).Bits;
                var result = new ThreadsResult(
                    count, first == second, first == bits,
                    history.Zip(one, (a, b) => Losses(a).Zip(Losses(b), (x, y) => Math.Abs(x - y) / Math.Abs(y)).Max()).Max(),
                    history.Zip(one, (a, b) => Math.Abs(a.Validation.IoU - b.Validation.IoU)).Max(), history.Last.Validation.Loss, history.Last.Validation.IoU);
                progress.Report($"{result}");
                results.Add(result);
            }

            return results;
        }
        finally
        {
            set_num_threads(before);
        }
    }

    private static IEnumerable<double> Losses(EpochRecord epoch) => [epoch.Training.Loss, epoch.Validation.Loss, epoch.TrainingInInferenceMode.Loss];

    private static (TrainingHistory History, string Bits) Train(int threads, BrainMri data, Preset preset, BatchNormMode mode, CancellationToken cancellation)
    {
        TorchRuntime.Initialize(threads: threads);
        using UNetResNet50 unet = preset.CreateUNet(seed: 0);
        unet.Encoder.Freeze(mode);
        TrainingHistory history = new Trainer(unet, preset.Training()).Fit(preset.TrainingBatches(data.Train), preset.Batches(data.Validation), cancellation: cancellation);
        return (history, SoakTraining.Fingerprint(unet, history));
    }
}
