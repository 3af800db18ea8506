using System.Globalization;
using System.Text.Json.Nodes;

namespace UnetResnet.Notebooks.Drawing;

/// <summary>One axis of a picture: which values it spans, where they lie in pixels, and which of them are written beside it.</summary>
/// <remarks>Positions are numbers, decimal logarithms on a logarithmic axis, or places in the list of categories.</remarks>
internal sealed class PictureAxis
{
    private readonly JsonNode? layout;
    private readonly bool logarithmic;
    private readonly List<string>? categories;

    /// <summary>Creates an axis that holds all of the values.</summary>
    /// <param name="layout">Its attributes in the layout of the figure.</param>
    /// <param name="values">Everything to be drawn along it.</param>
    /// <param name="halfStep">Room before the first and after the last value: half a bar or cell.</param>
    /// <param name="includeZero">Bars begin at zero.</param>
    /// <param name="padding">Room at either end as a share of the span.</param>
    internal PictureAxis(JsonNode? layout, IReadOnlyList<JsonNode?> values, bool halfStep, bool includeZero, double padding)
    {
        this.layout = layout;
        logarithmic = layout.Text("type") == "log";
        if (layout.Text("type") == "category" || values.Any(v => v is not null && v.AsNumber() is null))
            categories = [.. layout.Items("categoryarray").Concat(values).Select(v => v.AsText()).OfType<string>().Distinct()];

        double[] positions = [.. values.Select(Position).Where(double.IsFinite)];
        (double lo, double hi) = positions.Length == 0 ? (0, 1) : (positions.Min(), positions.Max());
        if (halfStep)
        {
            double[] distinct = [.. positions.Distinct().Order()];
            double half = distinct.Length < 2 ? 0.5 : distinct.Skip(1).Zip(distinct, (b, a) => b - a).Min() / 2;
            (Low, High) = (lo - half, hi + half);
        }
        else
        {
            bool fromZero = !logarithmic && (includeZero || layout.Text("rangemode") == "tozero");
            if (fromZero) (lo, hi) = (Math.Min(lo, 0), Math.Max(hi, 0));
            if (lo == hi) (lo, hi) = (lo - 0.5, hi + 0.5);
            double room = padding * (hi - lo);
            Low = fromZero && lo == 0 ? 0 : lo - room;
            High = fromZero && hi == 0 ? 0 : hi + room;
        }
        if (layout.Items("range") is [var from, var to] && from.AsNumber() is double first && to.AsNumber() is double last) (Low, High) = (first, last);
        if (layout.Text("autorange") == "reversed") (Low, High) = (High, Low);
    }

    /// <summary>Position at <see cref="Start"/>; the higher one on a reversed axis.</summary>
    internal double Low { get; }

    /// <summary>Position at <see cref="End"/>.</summary>
    internal double High { get; }

    /// <summary>Pixel where the axis begins: left, or at the bottom.</summary>
    internal float Start { get; set; }

    /// <summary>Pixel where the axis ends: right, or at the top.</summary>
    internal float End { get; set; }

    internal bool IsCategory => categories is not null;

    internal bool IsVisible => layout.Flag("visible") != false;

    internal bool ShowsGrid => IsVisible && categories is null && layout.Flag("showgrid") != false;

    internal bool ShowsLabels => IsVisible && layout.Flag("showticklabels") != false;

    internal string? Title => layout.Text("title.text") ?? layout.Text("title");

    /// <summary>Position of a value, NaN if it has none.</summary>
    internal double Position(JsonNode? value)
    {
        if (categories is not null) return value.AsText() is string text ? categories.IndexOf(text) is >= 0 and int place ? place : double.NaN : double.NaN;
        double number = value.AsNumber() ?? double.NaN;
        return !logarithmic ? number : number > 0 ? Math.Log10(number) : double.NaN;
    }

    /// <summary>Position of a shape: a value, or the place of a category.</summary>
    internal double PositionOfShape(JsonNode? value) => categories is not null && value.AsNumber() is double place ? place : Position(value);

    /// <summary>Position of a remark: a value, its decimal logarithm on a logarithmic axis, or the place of a category.</summary>
    internal double PositionOfRemark(JsonNode? value) => value.AsNumber() ?? Position(value);

    /// <summary>Pixel of a position.</summary>
    internal float Pixel(double position) => (float)(Start + (position - Low) / (High - Low) * (End - Start));

    /// <summary>Positions to label and their labels.</summary>
    /// <param name="most">About how many there is room for.</param>
    internal IReadOnlyList<(double Position, string Label)> Ticks(int most)
    {
        (double lo, double hi) = (Math.Min(Low, High), Math.Max(Low, High));
        if (categories is not null) return [.. categories.Select((name, place) => ((double)place, name))];
        if (layout.Items("tickvals") is { Count: > 0 } places)
        {
            JsonArray labels = layout.Items("ticktext");
            return [.. places.Select((place, i) => (Position(place), i < labels.Count ? labels[i].AsText() ?? "" : place.AsText() ?? ""))];
        }
        if (logarithmic) return LogarithmicTicks(lo, hi, most);

        double step = layout.Number("dtick") ?? NiceStep((hi - lo) / Math.Max(1, most));
        string? format = layout.Text("tickformat");
        double first = Math.Ceiling(lo / step - 1e-9);
        var ticks = new List<(double, string)>();
        for (double i = first; i * step <= hi + 1e-9 * (hi - lo) && ticks.Count < 200; i++)
        {
            double value = i == 0 ? 0 : i * step;
            ticks.Add((value, format is null ? Label(value, step, Math.Max(Math.Abs(lo), Math.Abs(hi))) : FigureReading.Format(value, format)));
        }
        return ticks;
    }

    /// <summary>The one of 1, 2, 5 times a power of ten that is nearest to a length.</summary>
    internal static double NiceStep(double length)
    {
        double power = Math.Pow(10, Math.Floor(Math.Log10(length)));
        double digit = length / power;
        return power * (digit < 1.5 ? 1 : digit < 3.2 ? 2 : digit < 7 ? 5 : 10);
    }

    private static List<(double, string)> LogarithmicTicks(double lo, double hi, int most)
    {
        int[] digits = hi - lo <= 1.2 ? [1, 2, 3, 4, 5, 6, 7, 8, 9] : hi - lo <= 2.5 ? [1, 2, 5] : [1];
        int stride = Math.Max(1, (int)Math.Ceiling((hi - lo) / Math.Max(1, most)));
        var ticks = new List<(double, string)>();
        for (int power = (int)Math.Floor(lo); power <= Math.Ceiling(hi); power++)
        {
            if (power % stride != 0) continue;
            foreach (int digit in digits)
            {
                double position = power + Math.Log10(digit);
                if (position < lo - 1e-9 || position > hi + 1e-9) continue;
                double value = digit * Math.Pow(10, power);
                ticks.Add((position, Label(value, value, value)));
            }
        }
        return ticks;
    }

    private static string Label(double value, double step, double largest)
    {
        (double unit, string suffix) = largest switch { >= 1e9 => (1e9, "G"), >= 1e6 => (1e6, "M"), >= 1e4 => (1e3, "k"), _ => (1, "") };
        if (largest < 1e-4 && value != 0) return value.ToString("0.#e-0", CultureInfo.InvariantCulture).Replace('-', '−');
        int decimals = Math.Clamp((int)Math.Ceiling(-Math.Log10(step / unit) - 1e-9), 0, 9);
        string text = (value / unit).ToString("F" + decimals.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
        return value == 0 ? text : text.Replace('-', '−') + suffix;
    }
}
