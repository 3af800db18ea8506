using UnetResnet.Runtime;

namespace UnetResnet.Training;

/// <summary>One epoch of a training history. The three scores are what the kit is about: they should agree, and under the bug they do not.</summary>
/// <param name="Epoch">Number of the epoch, from 1.</param>
/// <param name="Training">Measured on the training batches as they were trained on: training mode, dropout active, weights moving.</param>
/// <param name="Validation">Measured on the validation images after the epoch, in inference mode.</param>
/// <param name="TrainingInInferenceMode">Measured on the <em>training</em> images after the epoch, in inference mode, without augmentation.</param>
/// <param name="LearningRate">Learning rate at the end of the epoch.</param>
/// <param name="Seconds">Wall-clock seconds of the epoch, evaluation included.</param>
public sealed record EpochRecord(
    int Epoch,
    SegmentationScore Training,
    SegmentationScore Validation,
    SegmentationScore TrainingInInferenceMode,
    double LearningRate,
    double Seconds)
{
    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}
