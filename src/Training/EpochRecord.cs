using UnetResnet.Data;
using UnetResnet.Runtime;

namespace UnetResnet.Training;

/// <summary>One epoch of a training history. The three scores are what the kit is about: they should agree, and under the bug they do not.</summary>
/// <param name="Epoch">Number of the epoch, from 1.</param>
/// <param name="Training">Measured on the training batches as they were trained on: training mode, dropout active, weights moving.</param>
/// <param name="Validation">Measured on the validation images after the epoch, in inference mode.</param>
/// <param name="TrainingInInferenceMode">Measured on the <em>training</em> images after the epoch, in inference mode, without augmentation; a loss of NaN and no figures where that was not asked for.</param>
/// <param name="LearningRate">Learning rate at the end of the epoch.</param>
/// <param name="Seconds">Wall-clock seconds of the epoch, evaluation included.</param>
public sealed record EpochRecord(int Epoch, Score Training, Score Validation, Score TrainingInInferenceMode, double LearningRate, double Seconds)
{
    /// <summary>
    /// Share of the time of the epoch's training, 0 to 1, that the network waited for its next batch; NaN where that is not known. Where it is much, a larger
    /// <see cref="ImageMaskFolderOptions.MemoryBudget"/> helps, or more <see cref="BatchLoaderOptions.Workers"/>.
    /// </summary>
    public double DataWait { get; init; } = double.NaN;

    /// <summary>The epoch in one line.</summary>
    public override string ToString() =>
        $"epoch {NumberText.Short(Epoch)}: training {Training}; validation {Validation}{(double.IsNaN(TrainingInInferenceMode.Loss) ? "" : $"; training images in inference mode {TrainingInInferenceMode}")}; {NumberText.Fixed(Seconds, 1)} s{(double.IsNaN(DataWait) ? "" : $", {NumberText.Percent(DataWait)} of the training spent waiting for data")}";
}
