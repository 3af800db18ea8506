using Plotly.NET;
using UnetResnet.Training;

namespace UnetResnet.Notebooks;

/// <summary>
/// Charts of what the kit measures. Everywhere training is blue, validation orange, the training images in inference mode bluish green, statistics of
/// the batch purple and running statistics ochre (<see cref="ChartPalette"/>).
/// </summary>
/// <remarks>
/// A title says the finding, not the quantity: the axes say that. Every chart is an ordinary <see cref="GenericChart"/>, shown in a
/// notebook by <see cref="NotebookFormatters"/> and drawn without a browser by <see cref="ChartPicture"/>.
/// </remarks>
public static partial class Charts
{
    static Charts() => NotebookFormatters.Register();

    /// <summary>Loss over the epochs: training, validation, and the training images in inference mode.</summary>
    /// <param name="history">A run of at least one epoch.</param>
    /// <param name="title">The finding.</param>
    /// <returns>The chart.</returns>
    /// <exception cref="ArgumentException">The history or the title is empty.</exception>
    public static GenericChart Loss(TrainingHistory history, string title) => Curves(history, HistoryMetric.Loss, title);

    /// <summary>Intersection over union over the epochs: training, validation, and the training images in inference mode.</summary>
    /// <inheritdoc cref="Loss" path="/*[not(self::summary)]"/>
    public static GenericChart IoU(TrainingHistory history, string title) => Curves(history, HistoryMetric.IoU, title);

    /// <summary>Dice coefficient over the epochs: training, validation, and the training images in inference mode.</summary>
    /// <inheritdoc cref="Loss" path="/*[not(self::summary)]"/>
    public static GenericChart Dice(TrainingHistory history, string title) => Curves(history, HistoryMetric.Dice, title);

    /// <summary>Accuracy of a classifier over the epochs: training, validation, and the training images in inference mode.</summary>
    /// <inheritdoc cref="Loss" path="/*[not(self::summary)]"/>
    public static GenericChart Accuracy(TrainingHistory history, string title) => Curves(history, HistoryMetric.Accuracy, title);

    /// <summary>One series of several runs in one picture, such as the validation IoU before and after the cure.</summary>
    /// <param name="runs">The runs by name; the names stand where the lines end.</param>
    /// <param name="metric">The score.</param>
    /// <param name="title">The finding.</param>
    /// <param name="series">Which images.</param>
    /// <returns>The chart, with a colour and a dash per run.</returns>
    /// <exception cref="ArgumentException">There is no run, a run is empty, or the title is.</exception>
    public static GenericChart Compare(
        IReadOnlyDictionary<string, TrainingHistory> runs, HistoryMetric metric, string title, HistorySeries series = HistorySeries.Validation)
    {
        int longest = LongestOf(runs);
        string[] dashes = ["solid", "dash", "dot", "dashdot"];
        ChartLabels.Line[] lines = [.. runs.Select((run, i) => new ChartLabels.Line(run.Key, ChartPalette.Series[i % ChartPalette.Series.Count], Epochs(run.Value), Scores(run.Value, series, metric)))];
        string quantity = $"{series.Title()} {metric.Title()}";
        return ChartParts.Chart(title, lines.Select((line, i) => ChartParts.Line(line.Name, line.X, line.Y, line.Color, dashes[i % dashes.Length], ChartParts.Hover("epoch", quantity))),
            [("xaxis", ChartParts.EpochAxis(longest, ChartLabels.Range(lines.SelectMany(line => line.X)))), ("yaxis", ChartParts.Axis(quantity, RangeOf(metric))), .. ChartLabels.AtEnds(lines, fromZero: true)]);
    }

    /// <summary>All three series of several runs, a panel per run side by side on one scale.</summary>
    /// <param name="runs">The runs by name; the names stand above the panels. Two or three are readable on a phone.</param>
    /// <param name="metric">The score.</param>
    /// <param name="title">The finding.</param>
    /// <returns>The chart.</returns>
    /// <exception cref="ArgumentException">There is no run, a run is empty, or the title is.</exception>
    public static GenericChart Panels(IReadOnlyDictionary<string, TrainingHistory> runs, HistoryMetric metric, string title)
    {
        int longest = LongestOf(runs);
        const double gap = 0.05;
        double width = (1 - gap * (runs.Count - 1)) / runs.Count;
        var layout = new List<(string, object)>();
        var traces = new List<Trace>();
        var headings = new List<object>();
        foreach ((int i, (string name, TrainingHistory history)) in runs.Index())
        {
            string axis = i == 0 ? "" : $"{i + 1}";
            double left = i * (width + gap);
            traces.AddRange(CurvesOf(history, metric, ("xaxis", "x" + axis), ("yaxis", "y" + axis), ("showlegend", i == 0)));
            layout.Add(("xaxis" + axis, ChartParts.EpochAxis(longest * runs.Count, ("domain", new[] { left, left + width }), ("anchor", "y" + axis))));
            layout.Add(("yaxis" + axis, i == 0
                ? ChartParts.Axis(metric.Title(), [("anchor", "x"), .. RangeOf(metric)])
                : ChartParts.Map([("anchor", "x" + axis), ("matches", "y"), ("showticklabels", false), .. RangeOf(metric)])));
            headings.Add(ChartParts.Map(
                ("text", string.Join("<br>", ChartParts.Wrap(name, 84 / runs.Count))), ("x", left + width / 2), ("y", 1.02), ("xref", "paper"), ("yref", "paper"),
                ("xanchor", "center"), ("yanchor", "bottom"), ("showarrow", false)));
        }
        int headingLines = runs.Keys.Max(name => ChartParts.Wrap(name, 84 / runs.Count).Length);
        return ChartParts.Chart(title, traces, [.. layout, ("annotations", headings), ("margin", ChartParts.Map(("t", 16 * headingLines)))]);
    }

    private static GenericChart Curves(TrainingHistory history, HistoryMetric metric, string title) => ChartParts.Chart(title, CurvesOf(history, metric), [
        ("xaxis", ChartParts.EpochAxis(history.Count, ChartLabels.Range(Epochs(history)))), ("yaxis", ChartParts.Axis(metric.Title(), RangeOf(metric))), ("hovermode", "x unified"),
        .. ChartLabels.AtEnds([.. Enum.GetValues<HistorySeries>().Select(s => new ChartLabels.Line(s.Title(), ChartPalette.Of(s), Epochs(history), Scores(history, s, metric)))], fromZero: true)]);

    private static IEnumerable<Trace> CurvesOf(TrainingHistory history, HistoryMetric metric, params IEnumerable<(string, object)> more)
    {
        if (history.Count == 0) throw new ArgumentException("Expected a history of at least one epoch, got an empty one.", nameof(history));
        double[] epochs = Epochs(history);
        return Enum.GetValues<HistorySeries>().Select(series => ChartParts.Line(
            series.Title(), epochs, Scores(history, series, metric), ChartPalette.Of(series),
            series == HistorySeries.TrainingInInferenceMode ? "dash" : "solid", [("legendgroup", series.ToString()), ChartParts.Hover("epoch", metric.Title()), .. more]));
    }

    private static double[] Epochs(TrainingHistory history) => [.. history.Select(e => (double)e.Epoch)];

    private static double[] Scores(TrainingHistory history, HistorySeries series, HistoryMetric metric) => [.. history.Select(e => e.Score(series, metric))];

    // A loss has a natural zero, and a share a natural one: both belong into the picture.
    private static (string, object)[] RangeOf(HistoryMetric metric) =>
        metric == HistoryMetric.Loss ? [("rangemode", "tozero"), ("hoverformat", ".4f")] : [("range", new[] { 0, 1.02 }), ("hoverformat", ".3f")];

    private static int LongestOf(IReadOnlyDictionary<string, TrainingHistory> runs)
    {
        if (runs.Count == 0) throw new ArgumentException("Expected at least one run, got none.", nameof(runs));
        foreach ((string name, TrainingHistory history) in runs)
            if (history.Count == 0) throw new ArgumentException($"Expected at least one epoch in every run, but '{name}' is empty.", nameof(runs));
        return runs.Values.Max(history => history.Count);
    }
}
