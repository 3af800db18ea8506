using UnetResnet.Notebooks.Drawing;

namespace UnetResnet.Notebooks;

/// <summary>
/// The colours of the kit: one for each thing that charts show again and again, the same everywhere. Each has a contrast of at least 3 : 1
/// with white and with a dark page, a lightness of its own, so that they stay apart in grey, and any two of one group stay apart for the common kinds
/// of colour blindness.
/// </summary>
public static class ChartPalette
{
    /// <summary>Blue: the training batches, as they were trained on.</summary>
    public const string Training = "#006AB0";

    /// <summary>Orange: the validation images.</summary>
    public const string Validation = "#F36900";

    /// <summary>Bluish green: the training images in inference mode.</summary>
    public const string TrainingInInferenceMode = "#008D63";

    /// <summary>Purple: statistics of the batch.</summary>
    public const string BatchStatistics = "#A944B8";

    /// <summary>Ochre: running statistics.</summary>
    public const string RunningStatistics = "#A87E00";

    /// <summary>Green on an overlay: the prediction and the mask agree that this is the object.</summary>
    public const string TruePositive = "#009E73";

    /// <summary>Vermillion on an overlay: predicted, but not in the mask.</summary>
    public const string FalsePositive = "#D55E00";

    /// <summary>Sky blue on an overlay: in the mask, but not predicted.</summary>
    public const string FalseNegative = "#56B4E9";

    /// <summary>Grey of rules and remarks.</summary>
    public const string Neutral = "#7B818A";

    /// <summary>Colours of any other series, in order; those with a meaning come last.</summary>
    public static IReadOnlyList<string> Series { get; } =
        ["#B83576", "#15A0BB", "#598A14", "#7B818A", Training, Validation, TrainingInInferenceMode, BatchStatistics, RunningStatistics];

    /// <summary>Cividis, from dark blue to yellow: the scale of heat maps, readable in any kind of colour vision.</summary>
    public static IReadOnlyList<string> Sequential => Cividis.Colors;

    /// <summary>Colour of one of the three series of a training history: the same in every chart.</summary>
    /// <param name="series">The series.</param>
    /// <returns>A colour as <c>#RRGGBB</c>.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The series is unknown.</exception>
    public static string Of(HistorySeries series) => series switch
    {
        HistorySeries.Training => Training,
        HistorySeries.Validation => Validation,
        HistorySeries.TrainingInInferenceMode => TrainingInInferenceMode,
        _ => throw new ArgumentOutOfRangeException(nameof(series), series, "Expected Training, Validation or TrainingInInferenceMode."),
    };

    /// <summary>Colour of a series by its name: the one that belongs to it, if it is one of the kit's own, otherwise the next of <see cref="Series"/>.</summary>
    /// <param name="name">Such as <c>training</c>, <c>validation</c>, <c>training images in inference mode</c>, <c>batch statistics</c> or <c>running statistics</c>.</param>
    /// <param name="place">Place among the series, from 0.</param>
    internal static string Of(string name, int place) => name switch
    {
        "training" => Training,
        "validation" => Validation,
        "training images in inference mode" => TrainingInInferenceMode,
        "batch statistics" => BatchStatistics,
        "running statistics" => RunningStatistics,
        _ => Series[place % Series.Count],
    };
}
