using System.Text.Json.Serialization;
using UnetResnet.Data;
using UnetResnet.Normalization;
using UnetResnet.Training;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>
/// The kit's claim in figures: a U-Net on a frozen encoder trained with Keras 2.1.3's batch norm, the same in inference mode, and the first one's own
/// weights after recalibration, for one seed of decoder weights, batch order and dropout.
/// </summary>
internal static class CollapseBenchmark
{
    /// <summary>Runs one seed.</summary>
    /// <param name="preset">Data, network and training.</param>
    /// <param name="seed">Seed of weights, order and dropout.</param>
    /// <param name="progress">Told what begins.</param>
    /// <param name="cancellation">Stops the training.</param>
    /// <param name="picture">Receives the masks of four validation images before and after recalibration, as PNG; null for none.</param>
    public static CollapseResult Run(Preset preset, int seed, IProgress<string> progress, CancellationToken cancellation, Action<byte[]>? picture = null)
    {
        BrainMri data = preset.LoadData();
        BatchLoader training = preset.TrainingBatches(data.Train, seed), trainingInOrder = preset.Batches(data.Train), validation = preset.Batches(data.Validation);

        progress.Report($"seed {seed}: Keras213");
        using var broken = preset.CreateUNet(seed);
        broken.Encoder.Freeze(BatchNormMode.Keras213);
        TrainingHistory brokenHistory = new Trainer(broken, preset.Training(seed)).Fit(training, validation, cancellation: cancellation);

        SegmentationSample[] four = [.. data.Validation.Every(Math.Max(1, data.Validation.Count / 4)).Take(4)];
        IReadOnlyList<PixelImage> masksBefore = picture is null ? [] : CollapsePicture.Masks(preset, broken, four);

        progress.Report($"seed {seed}: recalibration");
        Recalibration.Apply(broken, trainingInOrder.Inputs());
        Score recalibrated = Trainer.Score(broken, validation, cancellation: cancellation);

        if (picture is not null) picture(CollapsePicture.Png(four, masksBefore, CollapsePicture.Masks(preset, broken, four), brokenHistory.Last.Validation.IoU, recalibrated.IoU));

        progress.Report($"seed {seed}: inference mode");
        using var cured = preset.CreateUNet(seed);
        cured.Encoder.Freeze(BatchNormMode.Inference);
        EpochRecord inference = new Trainer(cured, preset.Training(seed)).Fit(training, validation, cancellation: cancellation).Last;

        EpochRecord last = brokenHistory.Last;
        return new CollapseResult(
            seed,
            new BrokenRun(
                last.Training.Loss, brokenHistory.Best.Validation.Loss, last.Validation.Loss, last.Validation.IoU, last.Training.IoU,
                last.TrainingInInferenceMode.Loss, last.TrainingInInferenceMode.IoU, brokenHistory.Best.Epoch),
            new CuredRun(inference.Validation.Loss, inference.Validation.IoU, inference.TrainingInInferenceMode.Loss),
            new RecalibratedRun(recalibrated.Loss, recalibrated.IoU));
    }
}

/// <summary>Figures of one seed.</summary>
internal sealed record CollapseResult(
    [property: JsonPropertyName("seed")] int Seed,
    [property: JsonPropertyName("broken")] BrokenRun Broken,
    [property: JsonPropertyName("inference")] CuredRun Inference,
    [property: JsonPropertyName("recalibrated")] RecalibratedRun Recalibrated);

/// <summary>The run under <see cref="BatchNormMode.Keras213"/>.</summary>
internal sealed record BrokenRun(
    [property: JsonPropertyName("train_loss")] double TrainLoss,
    [property: JsonPropertyName("val_loss_best")] double ValLossBest,
    [property: JsonPropertyName("val_loss_final")] double ValLossFinal,
    [property: JsonPropertyName("val_iou")] double ValIoU,
    [property: JsonPropertyName("train_iou")] double TrainIoU,
    [property: JsonPropertyName("train_inference_loss")] double TrainInferenceLoss,
    [property: JsonPropertyName("train_inference_iou")] double TrainInferenceIoU,
    [property: JsonPropertyName("best_epoch")] int BestEpoch);

/// <summary>The run under <see cref="BatchNormMode.Inference"/>.</summary>
internal sealed record CuredRun(
    [property: JsonPropertyName("val_loss")] double ValLoss,
    [property: JsonPropertyName("val_iou")] double ValIoU,
    [property: JsonPropertyName("train_inference_loss")] double TrainInferenceLoss);

/// <summary>The broken run's weights with the training images' statistics.</summary>
internal sealed record RecalibratedRun(
    [property: JsonPropertyName("val_loss")] double ValLoss,
    [property: JsonPropertyName("val_iou")] double ValIoU);
