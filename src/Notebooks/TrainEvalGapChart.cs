using Plotly.NET;
using UnetResnet.Diagnosis;

namespace UnetResnet.Notebooks;

/// <content>Draws a <see cref="TrainEvalGap"/>.</content>
public static partial class ReportCharts
{
    /// <summary>Two bars: the loss as in training and as in inference.</summary>
    /// <param name="gap">The report.</param>
    /// <returns>The chart.</returns>
    public static GenericChart Chart(this TrainEvalGap gap) => Charts.Bars(
        new Dictionary<string, double> { ["statistics of the batch"] = gap.TrainingLoss, ["running statistics"] = gap.InferenceLoss },
        gap.SwitchingLayers == 0 ? "Training and inference are one function" : $"The same {gap.Images} images and weights, other statistics",
        "loss", ".3f", [ChartPalette.Training, ChartPalette.TrainingInInferenceMode]);
}
