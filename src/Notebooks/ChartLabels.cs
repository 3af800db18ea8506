namespace UnetResnet.Notebooks;

/// <summary>Names of lines where the lines end, in their colours, instead of a legend that a reader has to look up.</summary>
internal static class ChartLabels
{
    /// <summary>Name of the annotations in the layout: a narrow page leaves them out and shows a legend.</summary>
    internal const string Name = "line-end";

    private const int MostLines = 6, LongestLine = 18;
    private const double CharacterWidth = 7.1, LineHeight = 15, PlotHeight = 290;

    /// <summary>A line that is to be named at its end.</summary>
    /// <param name="Name">Its name.</param>
    /// <param name="Color">Its colour.</param>
    /// <param name="X">Its abscissae.</param>
    /// <param name="Y">Its ordinates; NaN is a gap.</param>
    internal sealed record Line(string Name, string Color, IReadOnlyList<double> X, IReadOnlyList<double> Y);

    /// <summary>Layout attributes that name the lines at their ends; none where there are too many lines, or only one, which the axis names.</summary>
    /// <param name="lines">The lines.</param>
    /// <param name="logX">Logarithmic abscissa.</param>
    /// <param name="logY">Logarithmic ordinate.</param>
    /// <param name="fromZero">Whether the ordinate begins at zero.</param>
    internal static IEnumerable<(string, object)> AtEnds(IReadOnlyList<Line> lines, bool logX = false, bool logY = false, bool fromZero = false)
    {
        if (lines.Count is < 2 or > MostLines) return [];
        double X(double x) => logX ? Math.Log10(x) : x;
        double Y(double y) => logY ? Math.Log10(y) : y;
        (Line Line, double X, double Y)[] ends = [.. lines.Select(line => (line, At: LastFinite(line, logX, logY))).Where(e => e.At >= 0).Select(e => (e.line, X(e.line.X[e.At]), Y(e.line.Y[e.At])))];
        if (ends.Length < lines.Count) return [];

        double[] all = [.. lines.SelectMany(line => line.Y).Select(Y).Where(double.IsFinite)];
        (double low, double high) = (fromZero ? Math.Min(0, all.Min()) : all.Min(), all.Max());
        double pixels = PlotHeight / Math.Max(1e-300, 1.1 * (high - low));
        string[][] texts = [.. ends.Select(e => ChartParts.Wrap(e.Line.Name, LongestLine))];

        double[] wanted = [.. ends.Select(end => (end.Y - low) * pixels)], heights = [.. texts.Select(text => LineHeight * text.Length + 2)];
        double[] centres = Apart(wanted, heights);
        IEnumerable<object> annotations = ends.Select((end, i) => (object)ChartParts.Map(
            ("name", Name), ("text", string.Join("<br>", texts[i])), ("x", end.X), ("y", end.Y), ("xref", "x"), ("yref", "y"), ("xanchor", "left"), ("yanchor", "middle"), ("align", "left"),
            ("xshift", 9), ("yshift", Math.Round(centres[i] - wanted[i])), ("showarrow", false), ("font", ChartParts.Map(("color", end.Line.Color)))));
        int right = (int)(20 + CharacterWidth * texts.SelectMany(t => t).Max(t => t.Length));
        return [("annotations", annotations.ToList()), ("showlegend", false), ("margin", ChartParts.Map(("r", right)))];
    }

    /// <summary>The range of an abscissa with names at the ends of its lines: those would make plotly.js leave room for them inside of the axes.</summary>
    internal static IEnumerable<(string, object)> Range(IEnumerable<double> x, bool logarithmic = false)
    {
        double[] places = [.. x.Select(v => logarithmic ? Math.Log10(v) : v).Where(double.IsFinite)];
        if (places.Length == 0 || places.Min() == places.Max()) return [];
        double room = 0.02 * (places.Max() - places.Min());
        return [("range", new[] { places.Min() - room, places.Max() + room })];
    }

    private static int LastFinite(Line line, bool logX, bool logY)
    {
        int at = Math.Min(line.X.Count, line.Y.Count) - 1;
        while (at >= 0 && !(double.IsFinite(line.Y[at]) && double.IsFinite(line.X[at]) && (!logY || line.Y[at] > 0) && (!logX || line.X[at] > 0))) at--;
        return at;
    }

    /// <summary>Heights as near to those wanted as labels that must not overlap can be: the middle between pushing each up from below and down from above.</summary>
    internal static double[] Apart(double[] wanted, double[] heights)
    {
        int[] order = [.. Enumerable.Range(0, wanted.Length).OrderBy(i => wanted[i])];
        double[] Pushed(IEnumerable<int> places, int sign)
        {
            double[] centres = new double[wanted.Length];
            double reached = double.NegativeInfinity;
            foreach (int i in places)
            {
                double centre = Math.Max(sign * wanted[i], reached + heights[i] / 2);
                (centres[i], reached) = (sign * centre, centre + heights[i] / 2);
            }
            return centres;
        }
        return [.. Pushed(order, 1).Zip(Pushed(order.Reverse(), -1), (up, down) => (up + down) / 2)];
    }
}
