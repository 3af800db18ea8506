using System.Text.Json.Serialization;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>One variant on one dataset with one seed.</summary>
/// <param name="Dataset">Name of the dataset.</param>
/// <param name="Variant">Name of the variant.</param>
/// <param name="Seed">Seed of the decoder's weights, the order of the images and the dropout.</param>
/// <param name="ValLoss">Loss on the validation images in inference mode, after the last epoch.</param>
/// <param name="ValIoU">Their mean intersection over union.</param>
/// <param name="Gap">Loss of the training images in inference mode minus the same as the network was trained (batches of training, no dropout, no step).</param>
/// <param name="Seconds">Training with its validation after every epoch, and the repair; a repair counts the training that it needs.</param>
/// <param name="TrainedParameters">Numbers that the last phase trains.</param>
/// <param name="PeakMb">Peak of the process's resident memory meanwhile, in MB; a repair has that of its own work only.</param>
internal sealed record CureResult(
    [property: JsonPropertyName("dataset")] string Dataset,
    [property: JsonPropertyName("variant")] string Variant,
    [property: JsonPropertyName("seed")] int Seed,
    [property: JsonPropertyName("val_loss")] double ValLoss,
    [property: JsonPropertyName("val_iou")] double ValIoU,
    [property: JsonPropertyName("gap")] double Gap,
    [property: JsonPropertyName("seconds")] double Seconds,
    [property: JsonPropertyName("trained_parameters")] long TrainedParameters,
    [property: JsonPropertyName("peak_mb")] double PeakMb);
