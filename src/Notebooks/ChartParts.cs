using Microsoft.FSharp.Collections;
using Plotly.NET;

namespace UnetResnet.Notebooks;

/// <summary>Puts plotly traces and layouts together. Attribute names are plotly.js's own (https://plotly.com/javascript/reference/).</summary>
internal static class ChartParts
{
    private const int LongestTitleLine = 46;

    /// <summary>A JSON object of named attributes.</summary>
    internal static Dictionary<string, object> Map(params IEnumerable<(string Name, object Value)> attributes) =>
        attributes.ToDictionary(a => a.Name, a => a.Value);

    /// <summary>A trace of a plotly type, such as <c>scatter</c>.</summary>
    internal static Trace Trace(string type, params IEnumerable<(string Name, object Value)> attributes)
    {
        var trace = new Trace(type);
        foreach ((string name, object value) in attributes) trace.SetProperty(name, value);
        return trace;
    }

    /// <summary>A line with markers where there is room for them.</summary>
    internal static Trace Line<TX>(
        string name, IReadOnlyList<TX> x, IReadOnlyList<double> y, string color, string dash = "solid", params IEnumerable<(string, object)> more) =>
        Trace("scatter", [
            ("name", name),
            ("mode", x.Count <= 40 ? "lines+markers" : "lines"),
            ("x", x),
            ("y", y),
            ("line", Map(("color", color), ("width", 2), ("dash", dash))),
            ("marker", Map(("size", 6))),
            .. more]);

    /// <summary>What a pointer on a point reads: the name of the series, then both coordinates with their quantities.</summary>
    /// <param name="xTitle">Quantity of the abscissa; empty where its values are names.</param>
    /// <param name="yTitle">Quantity and unit of the ordinate.</param>
    /// <param name="format">Number format of the ordinate in plotly's (d3) notation.</param>
    /// <param name="named">Whether the points have names of their own in <c>text</c>.</param>
    internal static (string, object) Hover(string xTitle, string yTitle, string format = ".4~g", bool named = false) => ("hovertemplate",
        (named ? "%{text}<br>" : xTitle.Length == 0 ? "%{x}<br>" : $"{xTitle} %{{x}}<br>") + $"{yTitle}: %{{y:{format}}}<extra>%{{fullData.name}}</extra>");

    /// <summary>A chart of traces with a title that may take several lines.</summary>
    /// <param name="title">The finding.</param>
    /// <param name="traces">What is drawn.</param>
    /// <param name="attributes">Attributes of the layout; of a <c>margin</c> only the sides that differ.</param>
    internal static GenericChart Chart(string title, IEnumerable<Trace> traces, params IEnumerable<(string Name, object Value)> attributes)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(title);
        string[] lines = TitleLines(title);
        var layout = new Layout();
        var margin = Map(("l", 56), ("r", 16), ("t", 34 + 22 * lines.Length), ("b", 48));
        layout.SetProperty("title", Map(("text", string.Join("<br>", lines))));
        layout.SetProperty("height", 400);
        foreach ((string name, object value) in attributes)
        {
            if (name != "margin") layout.SetProperty(name, value);
            else foreach ((string side, object room) in (Dictionary<string, object>)value) margin[side] = side == "t" ? (int)margin[side] + (int)room : room;
        }
        layout.SetProperty("margin", margin);
        return GenericChart.NewMultiChart(ListModule.OfSeq(traces), layout, new Config(), new DisplayOptions());
    }

    /// <summary>An axis with a title.</summary>
    internal static Dictionary<string, object> Axis(string title, params IEnumerable<(string, object)> more) =>
        Map([("title", Map(("text", title))), .. more]);

    /// <summary>The axis of epochs: each is labelled where there is room for that.</summary>
    internal static Dictionary<string, object> EpochAxis(int labels, params IEnumerable<(string, object)> more) =>
        Axis("epoch", labels <= 12 ? [("dtick", 1), .. more] : more);

    /// <summary>A text in lines of at most a length, as far as its words allow.</summary>
    internal static string[] Wrap(string text, int longest)
    {
        var lines = new List<string> { "" };
        foreach (string word in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (lines[^1].Length == 0) lines[^1] = word;
            else if (lines[^1].Length + 1 + word.Length <= longest) lines[^1] += " " + word;
            else lines.Add(word);
        }
        return [.. lines];
    }

    /// <summary>Adds an item to a list in the layout, such as a shape.</summary>
    internal static void Append(GenericChart chart, string list, Dictionary<string, object> item)
    {
        Layout layout = GenericChart.getLayout(chart);
        layout.Properties.TryGetValue(list, out object? present);
        layout.SetProperty(list, ((present as IEnumerable<object>) ?? []).Append(item).ToList());
    }

    /// <summary>Whether an axis of a chart is logarithmic.</summary>
    internal static bool IsLogarithmic(GenericChart chart, string axis) =>
        GenericChart.getLayout(chart).Properties.TryGetValue(axis, out object? attributes) && attributes is Dictionary<string, object> map
        && map.TryGetValue("type", out object? type) && type is "log";

    // A phone shows hardly fifty letters on a line: a longer title is broken into as few lines as possible, of about one length.
    private static string[] TitleLines(string title)
    {
        if (title.Contains("<br>", StringComparison.Ordinal)) return title.Split("<br>");
        int count = (title.Length + LongestTitleLine - 1) / LongestTitleLine;
        int aim = (title.Length + count - 1) / count;
        var lines = new List<string> { "" };
        foreach (string word in title.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            // A word goes where more than half of it fits.
            if (lines[^1].Length == 0) lines[^1] = word;
            else if (lines[^1].Length + 1 + word.Length / 2 <= aim && lines[^1].Length + 1 + word.Length <= LongestTitleLine) lines[^1] += " " + word;
            else lines.Add(word);
        }
        return [.. lines];
    }
}
