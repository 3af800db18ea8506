using UnetResnet.Training;

namespace UnetResnet.Notebooks;

/// <summary>Which images, in which mode, a score of an epoch was measured on.</summary>
public enum HistorySeries
{
    /// <summary>The training batches, as they were trained on.</summary>
    Training,

    /// <summary>The validation images, in inference mode.</summary>
    Validation,

    /// <summary>The training images, in inference mode.</summary>
    TrainingInInferenceMode,
}

/// <summary>Which score of an epoch is drawn.</summary>
public enum HistoryMetric
{
    /// <summary>The loss; lower is better.</summary>
    Loss,

    /// <summary>Intersection over union, 0 to 1; higher is better.</summary>
    IoU,

    /// <summary>Dice coefficient, 0 to 1; higher is better.</summary>
    Dice,

    /// <summary>Share of samples that are classified rightly, 0 to 1; higher is better.</summary>
    Accuracy,
}

/// <summary>Reads scores out of an epoch.</summary>
internal static class HistoryScores
{
    internal static double Score(this EpochRecord epoch, HistorySeries series, HistoryMetric metric)
    {
        Score score = series switch
        {
            HistorySeries.Training => epoch.Training,
            HistorySeries.Validation => epoch.Validation,
            HistorySeries.TrainingInInferenceMode => epoch.TrainingInInferenceMode,
            _ => throw new ArgumentOutOfRangeException(nameof(series), series, "Expected Training, Validation or TrainingInInferenceMode."),
        };
        return metric switch
        {
            HistoryMetric.Loss => score.Loss,
            HistoryMetric.IoU => score.IoU,
            HistoryMetric.Dice => score.Dice,
            HistoryMetric.Accuracy => score.Accuracy,
            _ => throw new ArgumentOutOfRangeException(nameof(metric), metric, "Expected Loss, IoU, Dice or Accuracy."),
        };
    }

    internal static string Title(this HistoryMetric metric) => metric switch
    {
        HistoryMetric.Loss => "loss",
        HistoryMetric.IoU => "IoU (0 to 1)",
        HistoryMetric.Accuracy => "accuracy (0 to 1)",
        _ => "Dice (0 to 1)",
    };

    internal static string Title(this HistorySeries series) => series switch
    {
        HistorySeries.Training => "training",
        HistorySeries.Validation => "validation",
        _ => "training images in inference mode",
    };
}
