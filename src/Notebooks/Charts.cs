using Plotly.NET;
using UnetResnet.Notebooks.Drawing;
using UnetResnet.Training;

namespace UnetResnet.Notebooks;

/// <summary>
/// Charts of what the kit measures. Everywhere training is blue, validation vermillion and the training images in inference mode
/// bluish green (<see cref="ChartPalette"/>).
/// </summary>
/// <remarks>
/// A title says the finding, not the quantity: the axes say that. Every chart is an ordinary <see cref="GenericChart"/>, shown in a
/// notebook by <see cref="NotebookFormatters"/> and drawn without a browser by <see cref="ChartPicture"/>.
/// </remarks>
public static class Charts
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
    /// <param name="runs">The runs by name; the names stand in the legend.</param>
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
        IEnumerable<Trace> traces = runs.Select((run, i) => ChartParts.Line(
            run.Key, Epochs(run.Value), Scores(run.Value, series, metric),
            ChartPalette.Series[i % ChartPalette.Series.Count], dashes[i % dashes.Length]));
        return ChartParts.Chart(title, traces,
            ("xaxis", ChartParts.EpochAxis(longest)),
            ("yaxis", ChartParts.Axis($"{series.Title()} {metric.Title()}", RangeOf(metric))));
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
                ("text", name), ("x", left + width / 2), ("y", 1.02), ("xref", "paper"), ("yref", "paper"),
                ("xanchor", "center"), ("yanchor", "bottom"), ("showarrow", false)));
        }
        return ChartParts.Chart(title, traces, [.. layout, ("annotations", headings)]);
    }

    /// <summary>One bar per named value, with the value written at its end.</summary>
    /// <param name="values">The values by name.</param>
    /// <param name="title">The finding.</param>
    /// <param name="valueTitle">Quantity and unit.</param>
    /// <param name="format">Number format of the labels in plotly's (d3) notation: <c>.2f</c> for two decimals, <c>.0%</c> for per cent.</param>
    /// <param name="colors">A colour per bar, or nothing for one colour.</param>
    /// <returns>The chart.</returns>
    /// <exception cref="ArgumentException">There is no value, or not one colour per bar.</exception>
    public static GenericChart Bars(
        IReadOnlyDictionary<string, double> values, string title, string valueTitle, string format = ".2f", IReadOnlyList<string>? colors = null)
    {
        if (values.Count == 0) throw new ArgumentException("Expected at least one value, got none.", nameof(values));
        if (colors is not null && colors.Count != values.Count)
            throw new ArgumentException($"Expected a colour for each of the {values.Count} bars, got {colors.Count}.", nameof(colors));
        Trace bars = ChartParts.Trace("bar",
            ("x", values.Keys), ("y", values.Values), ("texttemplate", $"%{{y:{format}}}"), ("textposition", "outside"), ("cliponaxis", false),
            ("marker", ChartParts.Map(("color", colors is null ? ChartPalette.Series[0] : colors))));
        return ChartParts.Chart(title, [bars], ("yaxis", ChartParts.Axis(valueTitle)), ("xaxis", ChartParts.Map(("type", "category"))), ("bargap", 0.4));
    }

    /// <summary>Groups of bars: for every category one bar of each series.</summary>
    /// <param name="categories">Names below the groups.</param>
    /// <param name="series">Values by series, one per category.</param>
    /// <param name="title">The finding.</param>
    /// <param name="valueTitle">Quantity and unit.</param>
    /// <param name="format">Number format of the labels in plotly's (d3) notation.</param>
    /// <returns>The chart.</returns>
    /// <exception cref="ArgumentException">There is no series, or one has not a value per category.</exception>
    public static GenericChart Bars(
        IReadOnlyList<string> categories, IReadOnlyDictionary<string, IReadOnlyList<double>> series, string title, string valueTitle, string format = ".2f")
    {
        CheckSeries(categories.Count, series);
        IEnumerable<Trace> traces = series.Select((s, i) => ChartParts.Trace("bar",
            ("name", s.Key), ("x", categories), ("y", s.Value), ("texttemplate", $"%{{y:{format}}}"), ("textposition", "outside"), ("cliponaxis", false),
            ("marker", ChartParts.Map(("color", ChartPalette.Series[i % ChartPalette.Series.Count])))));
        return ChartParts.Chart(title, traces,
            ("yaxis", ChartParts.Axis(valueTitle)), ("xaxis", ChartParts.Map(("type", "category"))), ("barmode", "group"), ("bargap", 0.3));
    }

    /// <summary>A table of numbers as colours.</summary>
    /// <param name="values">The numbers, <c>[row, column]</c>; NaN leaves a gap.</param>
    /// <param name="rows">Names of the rows, from the top.</param>
    /// <param name="columns">Names of the columns.</param>
    /// <param name="title">The finding.</param>
    /// <param name="valueTitle">Quantity and unit of the numbers, above the colour scale.</param>
    /// <param name="format">Number format in the cells in plotly's (d3) notation, or nothing for no numbers.</param>
    /// <returns>The chart.</returns>
    /// <exception cref="ArgumentException">The names do not fit the numbers.</exception>
    public static GenericChart Heatmap(
        double[,] values, IReadOnlyList<string> rows, IReadOnlyList<string> columns, string title, string valueTitle, string? format = ".2f")
    {
        (int height, int width) = (values.GetLength(0), values.GetLength(1));
        if (height == 0 || width == 0 || rows.Count != height || columns.Count != width)
            throw new ArgumentException($"Expected a name per row and column of {height} × {width} values, got {rows.Count} and {columns.Count} names.", nameof(values));
        double[][] z = [.. Enumerable.Range(0, height).Select(r => Enumerable.Range(0, width).Select(c => values[r, c]).ToArray())];
        int last = ChartPalette.Sequential.Count - 1;
        var attributes = new List<(string, object)>
        {
            ("z", z), ("x", columns), ("y", rows), ("xgap", 1), ("ygap", 1),
            ("colorscale", ChartPalette.Sequential.Select((color, i) => new object[] { (double)i / last, color })),
            ("colorbar", ChartParts.Map(("title", ChartParts.Map(("text", valueTitle))), ("thickness", 14), ("outlinewidth", 0))),
        };
        // Written out here, because plotly.js would call a gap 0.00.
        if (format is not null)
            attributes.AddRange(("text", z.Select(row => row.Select(v => double.IsFinite(v) ? FigureReading.Format(v, format) : ""))), ("texttemplate", "%{text}"));
        return ChartParts.Chart(title, [ChartParts.Trace("heatmap", attributes)],
            ("yaxis", ChartParts.Map(("autorange", "reversed"), ("type", "category"), ("showgrid", false))),
            ("xaxis", ChartParts.Map(("type", "category"), ("showgrid", false))));
    }

    /// <summary>Lines over a common abscissa.</summary>
    /// <param name="x">The abscissa.</param>
    /// <param name="series">Values by name, one per point; NaN leaves a gap.</param>
    /// <param name="title">The finding.</param>
    /// <param name="xTitle">Quantity and unit of <paramref name="x"/>.</param>
    /// <param name="yTitle">Quantity and unit of the values.</param>
    /// <param name="logX">Logarithmic abscissa.</param>
    /// <param name="logY">Logarithmic ordinate.</param>
    /// <returns>The chart.</returns>
    /// <exception cref="ArgumentException">There is no series, or one has not a value per point.</exception>
    public static GenericChart Lines(
        IReadOnlyList<double> x, IReadOnlyDictionary<string, IReadOnlyList<double>> series, string title, string xTitle, string yTitle,
        bool logX = false, bool logY = false)
    {
        CheckSeries(x.Count, series);
        IEnumerable<Trace> traces = series.Select((s, i) => ChartParts.Line(s.Key, x, s.Value, ChartPalette.Series[i % ChartPalette.Series.Count]));
        return ChartParts.Chart(title, traces, ("xaxis", ChartParts.Axis(xTitle, Scale(logX))), ("yaxis", ChartParts.Axis(yTitle, Scale(logY))));
    }

    /// <summary>Draws a dashed horizontal line across a chart, such as a value to reach.</summary>
    /// <param name="chart">The chart; it is changed.</param>
    /// <param name="value">Where, on the y axis.</param>
    /// <param name="label">What it is, written at its left end.</param>
    /// <returns>The same chart.</returns>
    public static GenericChart WithHorizontalLine(this GenericChart chart, double value, string label)
    {
        Layout layout = GenericChart.getLayout(chart);
        void Add(string name, Dictionary<string, object> item)
        {
            layout.Properties.TryGetValue(name, out object? present);
            layout.SetProperty(name, ((present as IEnumerable<object>) ?? []).Append(item).ToList());
        }
        Add("shapes", ChartParts.Map(
            ("type", "line"), ("xref", "paper"), ("x0", 0), ("x1", 1), ("y0", value), ("y1", value),
            ("line", ChartParts.Map(("color", ChartPalette.Neutral), ("width", 1.5), ("dash", "dash")))));
        Add("annotations", ChartParts.Map(
            ("text", label), ("xref", "paper"), ("x", 0.01), ("xanchor", "left"), ("y", value), ("yanchor", "bottom"), ("showarrow", false)));
        return chart;
    }

    private static GenericChart Curves(TrainingHistory history, HistoryMetric metric, string title) => ChartParts.Chart(title, CurvesOf(history, metric),
        ("xaxis", ChartParts.EpochAxis(history.Count)), ("yaxis", ChartParts.Axis(metric.Title(), RangeOf(metric))), ("hovermode", "x unified"));

    private static IEnumerable<Trace> CurvesOf(TrainingHistory history, HistoryMetric metric, params IEnumerable<(string, object)> more)
    {
        if (history.Count == 0) throw new ArgumentException("Expected a history of at least one epoch, got an empty one.", nameof(history));
        double[] epochs = Epochs(history);
        return Enum.GetValues<HistorySeries>().Select(series => ChartParts.Line(
            series.Title(), epochs, Scores(history, series, metric), ChartPalette.Of(series),
            series == HistorySeries.TrainingInInferenceMode ? "dash" : "solid", [("legendgroup", series.ToString()), .. more]));
    }

    private static double[] Epochs(TrainingHistory history) => [.. history.Select(e => (double)e.Epoch)];

    private static double[] Scores(TrainingHistory history, HistorySeries series, HistoryMetric metric) => [.. history.Select(e => e.Score(series, metric))];

    // A loss has a natural zero, and a share a natural one: both belong into the picture.
    private static (string, object)[] RangeOf(HistoryMetric metric) =>
        metric == HistoryMetric.Loss ? [("rangemode", "tozero"), ("hoverformat", ".4f")] : [("range", new[] { 0, 1.02 }), ("hoverformat", ".3f")];

    private static (string, object)[] Scale(bool logarithmic) => logarithmic ? [("type", "log")] : [];

    private static int LongestOf(IReadOnlyDictionary<string, TrainingHistory> runs)
    {
        if (runs.Count == 0) throw new ArgumentException("Expected at least one run, got none.", nameof(runs));
        foreach ((string name, TrainingHistory history) in runs)
            if (history.Count == 0) throw new ArgumentException($"Expected at least one epoch in every run, but '{name}' is empty.", nameof(runs));
        return runs.Values.Max(history => history.Count);
    }

    private static void CheckSeries(int points, IReadOnlyDictionary<string, IReadOnlyList<double>> series)
    {
        if (series.Count == 0) throw new ArgumentException("Expected at least one series, got none.", nameof(series));
        foreach ((string name, IReadOnlyList<double> values) in series)
            if (values.Count != points) throw new ArgumentException($"Expected {points} values in every series, but '{name}' has {values.Count}.", nameof(series));
    }
}
