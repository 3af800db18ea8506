using UnetResnet.Notebooks.Drawing;

namespace UnetResnet.Notebooks;

/// <summary>
/// The colours of the kit. Each has a contrast of at least 3 : 1 with white and with a dark page, and any two of one group stay apart
/// for the common kinds of colour blindness.
/// </summary>
/// <remarks>Blue, vermillion and bluish green are Okabe and Ito's (https://jfly.uni-koeln.de/color/).</remarks>
public static class ChartPalette
{
    /// <summary>Blue: the training batches, as they were trained on.</summary>
    public const string Training = "#0072B2";

    /// <summary>Vermillion: the validation images.</summary>
    public const string Validation = "#D55E00";

    /// <summary>Bluish green: the training images in inference mode.</summary>
    public const string TrainingInInferenceMode = "#009E73";

    /// <summary>Green on an overlay: the prediction and the mask agree that this is the object.</summary>
    public const string TruePositive = "#009E73";

    /// <summary>Vermillion on an overlay: predicted, but not in the mask.</summary>
    public const string FalsePositive = "#D55E00";

    /// <summary>Sky blue on an overlay: in the mask, but not predicted.</summary>
    public const string FalseNegative = "#56B4E9";

    /// <summary>Grey of rules and remarks.</summary>
    public const string Neutral = "#7B818A";

    /// <summary>Colours of any other series, in order; those of the three series of a history come last, because they have a meaning.</summary>
    public static IReadOnlyList<string> Series { get; } = ["#7F6BD6", "#8F7A00", "#C2578F", "#7B818A", Training, Validation, TrainingInInferenceMode];

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
}
