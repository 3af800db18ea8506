using Plotly.NET;
using UnetResnet.Diagnosis;

namespace UnetResnet.Notebooks;

/// <content>Draws a <see cref="BatchSizeSensitivity"/>.</content>
public static partial class ReportCharts
{
    /// <summary>The loss in training by the size of the batch, and the loss in inference as a line across.</summary>
    /// <param name="sensitivity">The report.</param>
    /// <returns>The chart.</returns>
    public static GenericChart Chart(this BatchSizeSensitivity sensitivity) => Charts.Lines(
        [.. sensitivity.Points.Select(p => (double)p.BatchSize)],
        new Dictionary<string, IReadOnlyList<double>> { ["loss in training"] = [.. sensitivity.Points.Select(p => p.Loss)] },
        sensitivity.Points.All(p => p.LogitDistance == 0) ? "The batch does not matter"
            : sensitivity.InferenceLoss > sensitivity.Points.Max(p => p.Loss) ? "No size of the batch is as bad as inference" : "The loss depends on the size of the batch",
        "images in a batch", "loss", logX: true).WithHorizontalLine(sensitivity.InferenceLoss, "in inference");

    /// <summary>How far an image's logits move with the size of the batch, and with its companions.</summary>
    /// <param name="sensitivity">The report.</param>
    /// <returns>The chart.</returns>
    public static GenericChart LogitChart(this BatchSizeSensitivity sensitivity)
    {
        BatchSizePoint[] points = [.. sensitivity.Points.Where(p => p.BatchSize < sensitivity.Images)];
        return Charts.Lines(
            [.. points.Select(p => (double)p.BatchSize)],
            new Dictionary<string, IReadOnlyList<double>>
            {
                ["distance from the whole batch"] = [.. points.Select(p => p.LogitDistance)],
                ["scatter with other companions"] = [.. points.Select(p => p.BatchSize == 1 ? double.NaN : p.CompanionSpread)],
            },
            "Small batches make a prediction depend on the other images", "images in a batch", "difference of the logits, in their σ", logX: true);
    }
}
