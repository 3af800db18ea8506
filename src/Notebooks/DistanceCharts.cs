using Plotly.NET;
using UnetResnet.Diagnosis;
using UnetResnet.Runtime;

namespace UnetResnet.Notebooks;

/// <summary>Charts of the distances between statistics.</summary>
public static class DistanceCharts
{
    /// <summary>Heat map by depth: a column for each layer from the input to the output, its channels from the nearest (bottom) to the farthest (top).</summary>
    /// <param name="report">The distances.</param>
    /// <param name="path">What the layers are fed.</param>
    /// <param name="title">The finding; null for one made of the figures.</param>
    /// <returns>The chart; colours are standard deviations on a logarithmic scale.</returns>
    public static GenericChart Chart(this StatisticsDistance report, StatisticsPath path = StatisticsPath.Training, string? title = null)
    {
        const int quantiles = 11;
        IReadOnlyList<LayerDistance> layers = report.Along(path);
        double[,] map = report.HeatMap(path, channel => Math.Log10(Math.Max(1e-3, Math.Sqrt(channel.Wasserstein))), quantiles), upsideDown = new double[quantiles, layers.Count];
        for (int row = 0; row < quantiles; row++)
        {
            for (int column = 0; column < layers.Count; column++) upsideDown[row, column] = map[quantiles - 1 - row, column];
        }

        LayerDistance worst = layers.MaxBy(layer => layer.Wasserstein)!;
        return Charts.Heatmap(
            upsideDown, [.. Enumerable.Range(0, quantiles).Select(row => $"{100 - 10 * row} %")], [.. layers.Select(layer => layer.Name)],
            title ?? $"Farthest from its running statistics: {worst.Name}, {NumberText.Short(Math.Sqrt(worst.Wasserstein))} standard deviations",
            "log₁₀ of √Wasserstein²", format: null);
    }

    /// <summary>Distance by depth along both paths, in standard deviations.</summary>
    /// <param name="report">The distances.</param>
    /// <param name="title">The finding.</param>
    /// <returns>The chart.</returns>
    public static GenericChart DepthChart(this StatisticsDistance report, string title) => Charts.Lines(
        [.. report.AlongTraining.Select(layer => (double)layer.Place)],
        new Dictionary<string, IReadOnlyList<double>>
        {
            ["fed as in training"] = [.. report.AlongTraining.Select(layer => Math.Sqrt(layer.Wasserstein))],
            ["fed as in inference"] = [.. report.AlongInference.Select(layer => Math.Sqrt(layer.Wasserstein))],
        },
        title, "place of the layer in the forward pass", "distance in standard deviations", logY: true);

    /// <summary>Distance of the first layer's statistics for every preprocessing, the nearest first.</summary>
    /// <param name="report">The fingerprint.</param>
    /// <param name="title">The finding; null for one made of the figures.</param>
    /// <returns>The chart; the preprocessing in use has the colour of validation.</returns>
    public static GenericChart Chart(this PreprocessingFingerprint report, string? title = null) => Charts.Bars(
        report.Candidates.ToDictionary(c => c.Name, c => c.Distance),
        title ?? (report.Used is null ? $"{report.Best.Name} fits best" : report.Wrong ? $"Used is {report.Used.Name}, and {report.Best.Name} fits" : $"Used is {report.Used.Name}, nearest is {report.Best.Name}"),
        "squared distance of the first layer", colors: [.. report.Candidates.Select(c => c == report.Used ? ChartPalette.Series[1] : ChartPalette.Series[0])]);

    /// <summary>How much the logits move between the modes: the model and its twin without batch norm, on images and on noise.</summary>
    /// <param name="report">The controls.</param>
    /// <param name="title">The finding; null for one made of the figures.</param>
    /// <returns>The chart.</returns>
    public static GenericChart Chart(this ControlExperiments report, string? title = null) => Charts.Bars(
        ["images", "noise"],
        new Dictionary<string, IReadOnlyList<double>>
        {
            ["as it is"] = [report.Images.RelativeDifference, report.Noise.RelativeDifference],
            ["batch norm folded away"] = [report.TwinOnImages.RelativeDifference, report.TwinOnNoise.RelativeDifference],
        },
        title ?? (report.TwinIsSame ? "Without batch norm there is no gap" : "A gap is left without batch norm"), "RMS logit difference ÷ spread");

    /// <summary>Share of the old statistics that is left, step by step, with the first validation marked.</summary>
    /// <param name="report">The clock, of at least one momentum.</param>
    /// <param name="title">The finding; null for one made of the figures.</param>
    /// <returns>The chart.</returns>
    /// <exception cref="ArgumentException">No layer moves its statistics.</exception>
    public static GenericChart Chart(this EmaClock report, string? title = null)
    {
        const int points = 60;
        double last = Math.Max(2 * report.StepsPerEpoch, Math.Min(10.0 * report.StepsPerEpoch, report.Rows.Select(row => row.StepsToOnePercent).DefaultIfEmpty(1).Max()));
        double[] steps = [.. Enumerable.Range(0, points + 1).Select(i => Math.Round(i * last / points)).Distinct()];
        return Charts.Lines(
            steps, report.Rows.Where(row => !row.ZeroDebiased).ToDictionary(row => $"momentum {NumberText.Short(row.Momentum)}", row => (IReadOnlyList<double>)[.. steps.Select(step => row.OldShareAfter((int)step))]),
            title ?? (report.Warns ? $"At the first validation, step {report.StepsPerEpoch}, old statistics still count" : $"By the first validation, step {report.StepsPerEpoch}, old statistics are forgotten"),
            "training step", "share of the old statistics").WithHorizontalLine(EmaClock.LargestOldShare, "5 %");
    }

    /// <summary>The distance of a figure from its limit for every observation of a signature.</summary>
    /// <param name="report">The signature.</param>
    /// <param name="title">The finding; null for the cause in words.</param>
    /// <returns>The chart: 1 is the limit.</returns>
    public static GenericChart Chart(this CurveSignature report, string? title = null) => Charts.Bars(
        report.Evidence.Select((e, i) => (Name: $"observation {i + 1}", Ratio: double.IsFinite(e.Value / e.Limit) ? e.Value / e.Limit : e.Value)).ToDictionary(e => e.Name, e => e.Ratio),
        title ?? $"The curves say: {report.Cause.Words()}", "figure ÷ its limit");
}
