using Plotly.NET;
using UnetResnet.Diagnosis;
using UnetResnet.Runtime;

namespace UnetResnet.Notebooks;

/// <content>Charts of the distances between statistics.</content>
public static partial class ReportCharts
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
        GenericChart chart = Charts.Heatmap(
            upsideDown, [.. Enumerable.Range(0, quantiles).Select(row => $"{100 - 10 * row} %")], [.. layers.Select(layer => layer.Name)],
            title ?? $"Farthest from its running statistics: {worst.Name}, {NumberText.Short(Math.Sqrt(worst.Wasserstein))} standard deviations",
            "log₁₀ of the standard deviations", format: null);
        ((Dictionary<string, object>)GenericChart.getLayout(chart).Properties["yaxis"]!)["title"] = ChartParts.Map(("text", "channels, from the nearest"));
        return StageAxis.Below(chart, [.. layers.Select(layer => layer.Name)]);
    }

    /// <summary>The heat maps of both paths in one figure, with a button for each and one scale of colours.</summary>
    /// <param name="report">The distances.</param>
    /// <returns>The chart; at first it shows the layers fed as in training.</returns>
    public static GenericChart PathButtons(this StatisticsDistance report) => Charts.Buttons(new Dictionary<string, GenericChart>
    {
        ["fed as in training"] = report.Chart(StatisticsPath.Training),
        ["fed as in inference"] = report.Chart(StatisticsPath.Inference),
    });

    /// <summary>Distance by depth along both paths, in standard deviations.</summary>
    /// <param name="report">The distances.</param>
    /// <param name="title">The finding.</param>
    /// <returns>The chart.</returns>
    public static GenericChart DepthChart(this StatisticsDistance report, string title)
    {
        NotebookFormatters.Register();
        string[] layers = [.. report.AlongTraining.Select(layer => layer.Name)];
        double[] places = [.. Enumerable.Range(0, layers.Length).Select(i => (double)i)];
        ChartLabels.Line[] lines =
        [
            new("fed as in training", ChartPalette.BatchStatistics, places, [.. report.AlongTraining.Select(layer => Math.Sqrt(layer.Wasserstein))]),
            new("fed as in inference", ChartPalette.RunningStatistics, places, [.. report.AlongInference.Select(layer => Math.Sqrt(layer.Wasserstein))]),
        ];
        return StageAxis.Below(ChartParts.Chart(
            title, lines.Select(line => ChartParts.Line(line.Name, layers, line.Y, line.Color, "solid", ChartParts.Hover("", "standard deviations", ".3~g"))),
            [("yaxis", ChartParts.Axis("distance in standard deviations", ("type", "log"))), .. ChartLabels.AtEnds(lines, logY: true)]), layers);
    }

    /// <summary>Distance of the first layer's statistics for every preprocessing, the nearest first.</summary>
    /// <param name="report">The fingerprint.</param>
    /// <param name="title">The finding; null for one made of the figures.</param>
    /// <returns>The chart; the preprocessing in use has a colour of its own.</returns>
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
        return Clock(
            steps, report.Rows.Where(row => !row.ZeroDebiased).ToDictionary(row => $"momentum {NumberText.Short(row.Momentum)}", row => (IReadOnlyList<double>)[.. steps.Select(step => row.OldShareAfter((int)step))]),
            title ?? (report.Warns ? $"At the first validation, step {report.StepsPerEpoch}, old statistics still count" : $"By the first validation, step {report.StepsPerEpoch}, old statistics are forgotten"),
            report.StepsPerEpoch);
    }

    /// <summary>The clock with a slider over the momentum: how much of the old statistics is left, step by step, and at the first validation.</summary>
    /// <param name="report">The clock, which tells the step of the first validation.</param>
    /// <param name="momenta">Weights of the new value, each above 0 and at most 1; nothing for 0.001 to 0.3.</param>
    /// <returns>The chart; at first it shows the momentum nearest to PyTorch's default of 0.1.</returns>
    public static GenericChart MomentumSlider(this EmaClock report, IReadOnlyList<double>? momenta = null)
    {
        momenta ??= [0.001, 0.003, 0.01, 0.03, 0.1, 0.3];
        double[] steps = [.. Enumerable.Range(0, 61).Select(i => Math.Round(i * report.StepsPerEpoch / 10.0)).Distinct()];
        return Charts.Slider("momentum", momenta.ToDictionary(NumberText.Short, momentum =>
        {
            double Left(double step) => Math.Pow(1 - momentum, step);
            return Clock(
                steps, new Dictionary<string, IReadOnlyList<double>> { ["old statistics"] = [.. steps.Select(Left)] },
                $"Momentum {NumberText.Short(momentum)}: {NumberText.Percent(Left(report.StepsPerEpoch))} of the old statistics are left at the first validation", report.StepsPerEpoch);
        }), momenta.Index().MinBy(m => Math.Abs(Math.Log(m.Item / 0.1))).Index);
    }

    private static GenericChart Clock(double[] steps, IReadOnlyDictionary<string, IReadOnlyList<double>> shares, string title, int firstValidation) =>
        Charts.Lines(steps, shares, title, "training step", "share of the old statistics", colors: shares.Count == 1 ? [ChartPalette.RunningStatistics] : null)
            .WithHorizontalLine(EmaClock.LargestOldShare, "5 %").WithVerticalLine(firstValidation, "first validation");

    /// <summary>The distance of a figure from its limit for every observation of a signature.</summary>
    /// <param name="report">The signature.</param>
    /// <param name="title">The finding; null for the cause in words.</param>
    /// <returns>The chart: 1 is the limit.</returns>
    public static GenericChart Chart(this CurveSignature report, string? title = null) => Charts.Bars(
        report.Evidence.Select((e, i) => (Name: $"observation {i + 1}", Ratio: double.IsFinite(e.Value / e.Limit) ? e.Value / e.Limit : e.Value)).ToDictionary(e => e.Name, e => e.Ratio),
        title ?? $"The curves say: {report.Cause.Words()}", "figure ÷ its limit").WithHorizontalLine(1, "the limit");
}
