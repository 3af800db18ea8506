using System.Text.Json.Serialization;
using UnetResnet.Data;
using UnetResnet.Diagnosis;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Training;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>What one number changes: dropout with and without freezing, images for recalibration, images in a batch.</summary>
internal static class CureSweeps
{
    private static readonly CureVariant Broken = CureVariants.All[0];

    /// <summary>Names of the sweeps.</summary>
    public static IReadOnlyList<string> Names { get; } = ["dropout", "images", "batch"];

    /// <summary>Runs a sweep on a dataset with a seed.</summary>
    public static IEnumerable<SweepPoint> Run(string name, CureData data, int seed, IProgress<string> progress, CancellationToken cancellation) => (name switch
    {
        "dropout" => Dropout(data, seed, cancellation),
        "images" => Images(data, seed, cancellation),
        "batch" => BatchSizes(data, seed, cancellation),
        _ => throw new ArgumentException($"There is no sweep '{name}'. Known: {string.Join(", ", Names)}.", nameof(name)),
    }).Select(point =>
    {
        progress.Report($"{point.Dataset}, seed {point.Seed}, {point.Series} at {point.X:0.##}: training loss {point.TrainLoss:0.000}, validation loss {point.ValLoss:0.000}, IoU {point.ValIoU:0.000}");
        return point;
    });

    /// <summary>Frozen in inference mode, and everything trained at the full rate, at three rates of dropout: what is not frozen overfits.</summary>
    private static IEnumerable<SweepPoint> Dropout(CureData data, int seed, CancellationToken cancellation)
    {
        foreach (bool frozen in new[] { true, false })
        {
            foreach (double rate in new[] { 0, 0.2, 0.5 })
            {
                var variant = new CureVariant(frozen ? "frozen" : "trained", "")
                {
                    Options = new UNetOptions { SpatialDropout = rate },
                    Prepare = (unet, _) => { if (frozen) unet.Encoder.Freeze(BatchNormMode.Inference); },
                };
                using UNetResNet50 unet = data.Preset.CreateUNet(seed, variant.Options);
                CuresBenchmark.Train(variant, unet, data, seed, cancellation);
                yield return Point("dropout", variant.Name, rate, unet, data, seed);
            }
        }
    }

    /// <summary>The broken network recalibrated on 1, 2, 4 … and all images, and as it is (0).</summary>
    private static IEnumerable<SweepPoint> Images(CureData data, int seed, CancellationToken cancellation)
    {
        using UNetResNet50 unet = data.Preset.CreateUNet(seed, Broken.Options);
        CuresBenchmark.Train(Broken, unet, data, seed, cancellation);
        yield return Point("images", "recalibrated", 0, unet, data, seed);
        for (int images = 1; ; images = Math.Min(2 * images, data.Train.Count))
        {
            cancellation.ThrowIfCancellationRequested();
            using (new ModelState(unet))
            {
                // In an order of the seed, so that few images are a fair sample.
                Recalibration.Apply(unet, data.Training(seed).Inputs(), new RecalibrationOptions { Images = images });
                yield return Point("images", "recalibrated", images, unet, data, seed);
            }

            if (images == data.Train.Count) yield break;
        }
    }

    /// <summary>
    /// The broken network trained in batches of 1 to 32 for one number of steps, judged with the old statistics and with its own: a larger batch cures the noise of the
    /// statistics, not the distance of the domains.
    /// </summary>
    private static IEnumerable<SweepPoint> BatchSizes(CureData data, int seed, CancellationToken cancellation)
    {
        int steps = data.Preset.Epochs * data.Training(seed).BatchCount;
        foreach (int size in new[] { 1, 2, 4, 8, 16, 32 })
        {
            CureData batched = data with { Preset = data.Preset with { BatchSize = size } };
            batched = batched with { Preset = batched.Preset with { Epochs = Math.Max(1, (steps + batched.Training(seed).BatchCount / 2) / batched.Training(seed).BatchCount) } };
            using UNetResNet50 unet = batched.Preset.CreateUNet(seed, Broken.Options);
            CuresBenchmark.Train(Broken, unet, batched, seed, cancellation);
            yield return Point("batch", "old statistics", size, unet, batched, seed);
            Recalibration.Apply(unet, data.TrainingInOrder().Inputs());
            yield return Point("batch", "recalibrated", size, unet, batched, seed);
        }
    }

    private static SweepPoint Point(string sweep, string series, double x, UNetResNet50 unet, CureData data, int seed)
    {
        Score training = Trainer.Score(unet, data.TrainingInOrder()), validation = Trainer.Score(unet, data.Validating());
        return new SweepPoint(data.Name, sweep, series, x, seed, training.Loss, validation.Loss, validation.IoU, CuresBenchmark.Gap(unet, data, seed));
    }
}

/// <summary>One point of a sweep: all losses in inference mode.</summary>
internal sealed record SweepPoint(
    [property: JsonPropertyName("dataset")] string Dataset,
    [property: JsonPropertyName("sweep")] string Sweep,
    [property: JsonPropertyName("series")] string Series,
    [property: JsonPropertyName("x")] double X,
    [property: JsonPropertyName("seed")] int Seed,
    [property: JsonPropertyName("train_loss")] double TrainLoss,
    [property: JsonPropertyName("val_loss")] double ValLoss,
    [property: JsonPropertyName("val_iou")] double ValIoU,
    [property: JsonPropertyName("gap")] double Gap);
