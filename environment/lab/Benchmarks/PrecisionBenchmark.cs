using System.Diagnostics;
using System.Text.Json.Serialization;
using UnetResnet.Data;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using UnetResnet.Training;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>The same training with convolutions in float32 and in bfloat16: how good the two networks are, each judged in its own precision.</summary>
internal static class PrecisionBenchmark
{
    /// <summary>Trains one seed twice, the encoder frozen in inference mode.</summary>
    /// <param name="preset">Data, network and training.</param>
    /// <param name="seed">Seed of weights, order and dropout.</param>
    /// <param name="cancellation">Stops the training.</param>
    public static PrecisionResult Run(Preset preset, int seed, CancellationToken cancellation)
    {
        (Score full, double fullSeconds) = Train(preset, seed, Precision.Float32, cancellation);
        (Score low, double lowSeconds) = Train(preset, seed, Precision.BFloat16, cancellation);
        return new PrecisionResult(seed, full.IoU, low.IoU, full.Loss, low.Loss, fullSeconds, lowSeconds);
    }

    private static (Score Validation, double Seconds) Train(Preset preset, int seed, Precision precision, CancellationToken cancellation)
    {
        BrainMri data = preset.LoadData();
        using UNetResNet50 unet = preset.CreateUNet(seed);
        unet.Encoder.Freeze(BatchNormMode.Inference);
        var watch = Stopwatch.StartNew();
        TrainingOptions options = preset.Training(seed) with { Precision = precision };
        Score score = new Trainer(unet, options).Fit(preset.TrainingBatches(data.Train, seed), preset.Batches(data.Validation), cancellation: cancellation).Last.Validation;
        return (score, watch.Elapsed.TotalSeconds);
    }
}

/// <summary>Figures of one seed.</summary>
internal sealed record PrecisionResult(
    [property: JsonPropertyName("seed")] int Seed,
    [property: JsonPropertyName("float32_val_iou")] double Float32IoU,
    [property: JsonPropertyName("bfloat16_val_iou")] double BFloat16IoU,
    [property: JsonPropertyName("float32_val_loss")] double Float32Loss,
    [property: JsonPropertyName("bfloat16_val_loss")] double BFloat16Loss,
    [property: JsonPropertyName("float32_seconds")] double Float32Seconds,
    [property: JsonPropertyName("bfloat16_seconds")] double BFloat16Seconds);
