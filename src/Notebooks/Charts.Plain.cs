using Plotly.NET;
using UnetResnet.Notebooks.Drawing;

namespace UnetResnet.Notebooks;

public static partial class Charts
{
    private const int LongestCategory = 16, ManyCategories = 4;

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
            ("x", Wrapped([.. values.Keys])), ("y", values.Values), ("texttemplate", $"%{{y:{format}}}"), ("textposition", "outside"), ("cliponaxis", false),
            ("hovertemplate", $"%{{x}}<br>{valueTitle}: %{{y:.4~g}}<extra></extra>"),
            ("marker", ChartParts.Map(("color", colors is null ? ChartPalette.Series[0] : colors))));
        return ChartParts.Chart(title, [bars], ("yaxis", ValueAxis(valueTitle, values.Values)), ("xaxis", ChartParts.Map(("type", "category"))), ("bargap", 0.4));
    }

    /// <summary>Groups of bars: for every category one bar of each series.</summary>
    /// <param name="categories">Names below the groups.</param>
    /// <param name="series">Values by series, one per category.</param>
    /// <param name="title">The finding.</param>
    /// <param name="valueTitle">Quantity and unit.</param>
    /// <param name="format">Number format of the labels in plotly's (d3) notation.</param>
    /// <param name="colors">A colour per series, such as <see cref="ChartPalette.BatchStatistics"/>; nothing for those that belong to their names.</param>
    /// <returns>The chart.</returns>
    /// <exception cref="ArgumentException">There is no series, one has not a value per category, or there is not one colour per series.</exception>
    public static GenericChart Bars(
        IReadOnlyList<string> categories, IReadOnlyDictionary<string, IReadOnlyList<double>> series, string title, string valueTitle, string format = ".2f",
        IReadOnlyList<string>? colors = null)
    {
        CheckSeries(categories.Count, series, colors);
        IEnumerable<Trace> traces = series.Select((s, i) => ChartParts.Trace("bar",
            ("name", s.Key), ("x", Wrapped([.. categories])), ("y", s.Value), ("texttemplate", $"%{{y:{format}}}"), ("textposition", "outside"), ("cliponaxis", false),
            ChartParts.Hover("", valueTitle), ("marker", ChartParts.Map(("color", colors?[i] ?? ChartPalette.Of(s.Key, i))))));
        return ChartParts.Chart(title, traces,
            ("yaxis", ValueAxis(valueTitle, series.Values.SelectMany(v => v))), ("xaxis", ChartParts.Map(("type", "category"))), ("barmode", "group"), ("bargap", 0.3));
    }

    /// <summary>A row of dots per name: one for each seed, the median larger, and the range over the seeds as a line. For leagues: what lies within another's range is no rank.</summary>
    /// <param name="values">The values of every seed by name, in the order from the top; one each where there is no scatter to show.</param>
    /// <param name="title">The finding.</param>
    /// <param name="valueTitle">Quantity and unit.</param>
    /// <param name="format">Number format of the medians in plotly's (d3) notation.</param>
    /// <returns>The chart; it is as high as its rows need.</returns>
    /// <exception cref="ArgumentException">There is no name, or one without a value.</exception>
    public static GenericChart Dots(IReadOnlyDictionary<string, IReadOnlyList<double>> values, string title, string valueTitle, string format = ".2f") =>
        Dots(new Dictionary<string, IReadOnlyDictionary<string, IReadOnlyList<double>>> { [""] = values }, title, valueTitle, format);

    /// <summary>The same for several groups, such as datasets, each in a colour of its own.</summary>
    /// <param name="groups">The values of every seed, by group and name; the names of the first group are the rows, from the top.</param>
    /// <param name="title">The finding.</param>
    /// <param name="valueTitle">Quantity and unit.</param>
    /// <param name="format">Number format of the medians in plotly's (d3) notation.</param>
    /// <returns>The chart; it is as high as its rows need.</returns>
    /// <exception cref="ArgumentException">There is no group or name, or one without a value.</exception>
    public static GenericChart Dots(
        IReadOnlyDictionary<string, IReadOnlyDictionary<string, IReadOnlyList<double>>> groups, string title, string valueTitle, string format = ".2f")
    {
        if (groups.Count == 0 || groups.Values.Any(group => group.Count == 0)) throw new ArgumentException("Expected at least one row of values, got none.", nameof(groups));
        var traces = new List<Trace>();
        foreach ((int i, (string group, IReadOnlyDictionary<string, IReadOnlyList<double>> rows)) in groups.Index())
        {
            if (rows.FirstOrDefault(row => row.Value.Count == 0).Key is string empty) throw new ArgumentException($"Expected at least one value in every row, but '{empty}' has none.", nameof(groups));
            string color = ChartPalette.Of(group, i);
            (string, object)[] shared = [("name", group), ("legendgroup", group)];
            bool scatter = rows.Values.Any(v => v.Count > 1);
            string which = groups.Count > 1 ? "<extra>%{fullData.name}</extra>" : "<extra></extra>";
            // One line through the ranges of all rows, with a gap between them, and one trace for all seeds: a trace for each row would make the figure large.
            if (scatter)
            {
                traces.Add(ChartParts.Trace("scatter", [.. shared, ("mode", "lines"), ("showlegend", false), ("hoverinfo", "skip"),
                    ("x", rows.Values.SelectMany(v => new double?[] { v.Min(), v.Max(), null })), ("y", rows.Keys.SelectMany(name => new[] { name, name, name })),
                    ("line", ChartParts.Map(("color", color), ("width", 2)))]));
                traces.Add(ChartParts.Trace("scatter", [.. shared, ("mode", "markers"), ("showlegend", false),
                    ("x", rows.Values.SelectMany(v => v)), ("y", rows.SelectMany(row => row.Value.Select(_ => row.Key))), ("text", rows.Values.SelectMany(v => v.Select((_, seed) => $"seed {seed}"))),
                    ("hovertemplate", $"%{{y}}, %{{text}}<br>{valueTitle}: %{{x:.4~g}}{which}"), ("marker", ChartParts.Map(("color", color), ("size", 5)))]));
            }

            traces.Add(ChartParts.Trace("scatter", [.. shared, ("mode", groups.Count == 1 ? "markers+text" : "markers"), ("showlegend", groups.Count > 1),
                ("x", rows.Values.Select(Median)), ("y", rows.Keys), ("text", rows.Values.Select(v => FigureReading.Format(Median(v), format))), ("textposition", "top center"),
                ("hovertemplate", $"%{{y}}<br>{(scatter ? "median " : "")}{valueTitle}: %{{x:.4~g}}{which}"), ("marker", ChartParts.Map(("color", color), ("size", 11)))]));
        }
        string[] names = [.. groups.Values.SelectMany(rows => rows.Keys).Distinct()];
        return ChartParts.Chart(title, traces,
            ("xaxis", ChartParts.Axis(valueTitle, ("rangemode", "tozero"))),
            ("yaxis", ChartParts.Map(("type", "category"), ("categoryorder", "array"), ("categoryarray", names), ("autorange", "reversed"), ("showgrid", true))),
            ("height", 200 + 26 * names.Length), ("showlegend", groups.Count > 1));
    }

    /// <summary>A table of numbers as colours.</summary>
    /// <param name="values">The numbers, <c>[row, column]</c>; NaN leaves a gap.</param>
    /// <param name="rows">Names of the rows, from the top.</param>
    /// <param name="columns">Names of the columns.</param>
    /// <param name="title">The finding.</param>
    /// <param name="valueTitle">Quantity and unit of the numbers, beside the colour scale.</param>
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
            ("hovertemplate", $"%{{x}}<br>%{{y}}<br>{valueTitle}: %{{z:.4~g}}<extra></extra>"),
            ("colorscale", ChartPalette.Sequential.Select((color, i) => new object[] { (double)i / last, color })),
            ("colorbar", ChartParts.Map(("title", ChartParts.Map(("text", valueTitle), ("side", "right"), ("font", ChartParts.Map(("size", 13))))), ("thickness", 14), ("outlinewidth", 0))),
        };
        // Written out here, because plotly.js would call a gap 0.00.
        if (format is not null)
            attributes.AddRange(("text", z.Select(row => row.Select(v => double.IsFinite(v) ? FigureReading.Format(v, format) : ""))), ("texttemplate", "%{text}"));
        return ChartParts.Chart(title, [ChartParts.Trace("heatmap", attributes)],
            ("yaxis", ChartParts.Map(("autorange", "reversed"), ("type", "category"), ("showgrid", false))),
            ("xaxis", ChartParts.Map(("type", "category"), ("showgrid", false))));
    }

    /// <summary>Lines over a common abscissa, each named where it ends.</summary>
    /// <param name="x">The abscissa.</param>
    /// <param name="series">Values by name, one per point; NaN leaves a gap.</param>
    /// <param name="title">The finding.</param>
    /// <param name="xTitle">Quantity and unit of <paramref name="x"/>.</param>
    /// <param name="yTitle">Quantity and unit of the values.</param>
    /// <param name="logX">Logarithmic abscissa.</param>
    /// <param name="logY">Logarithmic ordinate.</param>
    /// <param name="colors">A colour per series, such as <see cref="ChartPalette.BatchStatistics"/>; nothing for those that belong to their names.</param>
    /// <param name="pointNames">Names of the points, such as layers, which a pointer reads; nothing for the value of <paramref name="x"/>.</param>
    /// <returns>The chart.</returns>
    /// <exception cref="ArgumentException">There is no series, one has not a value per point, or there is not one colour per series or name per point.</exception>
    public static GenericChart Lines(
        IReadOnlyList<double> x, IReadOnlyDictionary<string, IReadOnlyList<double>> series, string title, string xTitle, string yTitle,
        bool logX = false, bool logY = false, IReadOnlyList<string>? colors = null, IReadOnlyList<string>? pointNames = null)
    {
        CheckSeries(x.Count, series, colors);
        if (pointNames is not null && pointNames.Count != x.Count) throw new ArgumentException($"Expected {x.Count} names of points, got {pointNames.Count}.", nameof(pointNames));
        ChartLabels.Line[] lines = [.. series.Select((s, i) => new ChartLabels.Line(s.Key, colors?[i] ?? ChartPalette.Of(s.Key, i), x, s.Value))];
        IEnumerable<Trace> traces = lines.Select(line => ChartParts.Line(line.Name, x, line.Y, line.Color, "solid", [
            ChartParts.Hover(xTitle, yTitle, named: pointNames is not null), .. pointNames is null ? [] : new (string, object)[] { ("text", pointNames) }]));
        return ChartParts.Chart(title, traces, [
            ("xaxis", ChartParts.Axis(xTitle, [.. Scale(logX), .. ChartLabels.Range(x, logX)])), ("yaxis", ChartParts.Axis(yTitle, Scale(logY))), .. ChartLabels.AtEnds(lines, logX, logY)]);
    }

    /// <summary>Draws a dashed horizontal line across a chart, such as a value to reach.</summary>
    /// <param name="chart">The chart; it is changed.</param>
    /// <param name="value">Where, on the y axis.</param>
    /// <param name="label">What it is, written at its left end.</param>
    /// <returns>The same chart.</returns>
    public static GenericChart WithHorizontalLine(this GenericChart chart, double value, string label)
    {
        ChartParts.Append(chart, "shapes", ChartParts.Map([("xref", "paper"), ("x0", 0), ("x1", 1), ("y0", value), ("y1", value), .. Reference]));
        ChartParts.Append(chart, "annotations", ChartParts.Map(
            ("text", label), ("xref", "paper"), ("x", 0.01), ("xanchor", "left"), ("y", ChartParts.IsLogarithmic(chart, "yaxis") ? Math.Log10(value) : value), ("yanchor", "bottom"), ("showarrow", false)));
        return chart;
    }

    /// <summary>Draws a dashed vertical line across a chart, such as the step of the first validation.</summary>
    /// <param name="chart">The chart; it is changed.</param>
    /// <param name="value">Where, on the x axis.</param>
    /// <param name="label">What it is, written at its upper end.</param>
    /// <returns>The same chart.</returns>
    public static GenericChart WithVerticalLine(this GenericChart chart, double value, string label)
    {
        ChartParts.Append(chart, "shapes", ChartParts.Map([("yref", "paper"), ("y0", 0), ("y1", 1), ("x0", value), ("x1", value), .. Reference]));
        ChartParts.Append(chart, "annotations", ChartParts.Map(
            ("text", label), ("yref", "paper"), ("y", 0.99), ("yanchor", "top"), ("x", ChartParts.IsLogarithmic(chart, "xaxis") ? Math.Log10(value) : value), ("xanchor", "left"), ("xshift", 5), ("showarrow", false)));
        return chart;
    }

    private static (string, object)[] Reference => [("type", "line"), ("line", ChartParts.Map(("color", ChartPalette.Neutral), ("width", 1.5), ("dash", "dash")))];

    // Bars have a base to stand on; with values on both sides of it, it lies inside.
    private static Dictionary<string, object> ValueAxis(string title, IEnumerable<double> values) =>
        values.Any(v => v < 0) ? ChartParts.Axis(title, ("zeroline", true), ("zerolinecolor", ChartPalette.Neutral), ("zerolinewidth", 1.5)) : ChartParts.Axis(title);

    // Long names below bars would be slanted by plotly.js: broken into lines they stay level.
    private static string[] Wrapped(IReadOnlyCollection<string> names)
    {
        int longest = names.Count > ManyCategories ? LongestCategory / 2 : LongestCategory;
        return [.. names.Select(name => string.Join("<br>", ChartParts.Wrap(name, longest)))];
    }

    private static double Median(IReadOnlyList<double> values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    private static (string, object)[] Scale(bool logarithmic) => logarithmic ? [("type", "log")] : [];

    private static void CheckSeries(int points, IReadOnlyDictionary<string, IReadOnlyList<double>> series, IReadOnlyList<string>? colors)
    {
        if (series.Count == 0) throw new ArgumentException("Expected at least one series, got none.", nameof(series));
        foreach ((string name, IReadOnlyList<double> values) in series)
            if (values.Count != points) throw new ArgumentException($"Expected {points} values in every series, but '{name}' has {values.Count}.", nameof(series));
        if (colors is not null && colors.Count != series.Count) throw new ArgumentException($"Expected a colour for each of the {series.Count} series, got {colors.Count}.", nameof(colors));
    }
}
