using SkiaSharp;
using UnetResnet.Notebooks;

namespace UnetResnet.Tests.Notebooks;

public class ChartPaletteTests
{
    // Machado, Oliveira and Fernandes, IEEE TVCG 15 (2009): full severity, on linear RGB.
    private static readonly Dictionary<string, double[]> Vision = new()
    {
        ["normal"] = [1, 0, 0, 0, 1, 0, 0, 0, 1],
        ["protanopia"] = [0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998],
        ["deuteranopia"] = [0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.011820, 0.042940, 0.968881],
        ["tritanopia"] = [1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.303900],
    };

    public static TheoryData<string> Lines => [ChartPalette.Neutral, .. ChartPalette.Series];

    [Theory]
    [MemberData(nameof(Lines))]
    public void Lines_stand_out_from_a_white_and_from_a_dark_page(string color)
    {
        // 3 : 1 is what WCAG 2.2 asks of graphics.
        Assert.True(Contrast(color, "#FFFFFF") >= 3, $"{color} on white: {Contrast(color, "#FFFFFF"):F2}");
        Assert.True(Contrast(color, "#16181D") >= 3, $"{color} on a dark page: {Contrast(color, "#16181D"):F2}");
    }

    public static TheoryData<string, string[]> Groups => new()
    {
        { "history", [ChartPalette.Training, ChartPalette.Validation, ChartPalette.TrainingInInferenceMode] },
        { "overlay", [ChartPalette.TruePositive, ChartPalette.FalsePositive, ChartPalette.FalseNegative] },
        { "statistics", [ChartPalette.BatchStatistics, ChartPalette.RunningStatistics] },
        { "series", [.. ChartPalette.Series.Take(3)] },
    };

    [Theory]
    [MemberData(nameof(Groups))]
    public void Colours_of_a_group_stay_apart_for_every_kind_of_colour_vision(string name, string[] group)
    {
        foreach ((string vision, double[] matrix) in Vision)
        {
            for (int i = 0; i < group.Length; i++)
            {
                for (int j = 0; j < i; j++)
                {
                    // A just noticeable difference is about 2.3; lines with a legend need several times that.
                    double distance = Distance(Lab(group[i], matrix), Lab(group[j], matrix));
                    Assert.True(distance >= 15, $"{name}, {vision}: {group[i]} and {group[j]} are {distance:F1} apart");
                }
            }
        }
    }

    [Fact]
    public void Colours_with_a_meaning_stay_apart_in_grey()
    {
        string[] meanings = [ChartPalette.Training, ChartPalette.BatchStatistics, ChartPalette.TrainingInInferenceMode, ChartPalette.RunningStatistics, ChartPalette.Validation];
        double[] lightness = [.. meanings.Select(color => Lab(color, Vision["normal"])[0])];
        // 3 : 1 with white and with a dark page leaves 19 steps of lightness for five colours. Those of one chart are twice as far apart.
        Assert.All(lightness.Skip(1).Zip(lightness), pair => Assert.True(pair.First - pair.Second >= 3.5, $"{pair.Second:F1} and {pair.First:F1}"));
        double[] history = [lightness[0], lightness[2], lightness[4]];
        Assert.All(history.Skip(1).Zip(history), pair => Assert.True(pair.First - pair.Second >= 8, $"{pair.Second:F1} and {pair.First:F1}"));
        Assert.True(lightness[3] - lightness[1] >= 8);
    }

    [Fact]
    public void A_series_named_after_a_meaning_has_its_colour()
    {
        Assert.Equal(
            [ChartPalette.BatchStatistics, ChartPalette.RunningStatistics, ChartPalette.Validation, ChartPalette.Series[1]],
            new[] { "batch statistics", "running statistics", "validation", "another" }.Select((name, i) => ChartPalette.Of(name, i == 3 ? 1 : i)));
    }

    [Fact]
    public void Each_series_of_a_history_has_its_own_colour_and_an_unknown_one_is_refused()
    {
        Assert.Equal(3, Enum.GetValues<HistorySeries>().Select(ChartPalette.Of).Distinct().Count());
        Assert.Throws<ArgumentOutOfRangeException>(() => ChartPalette.Of((HistorySeries)7));
    }

    [Fact]
    public void The_sequential_scale_gets_lighter_from_end_to_end()
    {
        double[] lightness = [.. ChartPalette.Sequential.Select(color => Lab(color, Vision["normal"])[0])];
        Assert.Equal(lightness.Order(), lightness);
    }

    private static double Linear(byte channel) => channel / 255.0 is var c && c <= 0.04045 ? c / 12.92 : Math.Pow((c + 0.055) / 1.055, 2.4);

    private static double[] Linear(string color) => SKColor.Parse(color) is var c ? [Linear(c.Red), Linear(c.Green), Linear(c.Blue)] : [];

    private static double Contrast(string a, string b)
    {
        static double Luminance(string color) => Linear(color) is [var r, var g, var b] ? 0.2126 * r + 0.7152 * g + 0.0722 * b : 0;
        double[] two = [.. new[] { Luminance(a), Luminance(b) }.OrderDescending()];
        return (two[0] + 0.05) / (two[1] + 0.05);
    }

    private static double[] Lab(string color, double[] m)
    {
        double[] rgb = Linear(color);
        double[] seen = [.. Enumerable.Range(0, 3).Select(i => Math.Clamp(m[3 * i] * rgb[0] + m[3 * i + 1] * rgb[1] + m[3 * i + 2] * rgb[2], 0, 1))];
        double x = (0.4124 * seen[0] + 0.3576 * seen[1] + 0.1805 * seen[2]) / 0.9505;
        double y = 0.2126 * seen[0] + 0.7152 * seen[1] + 0.0722 * seen[2];
        double z = (0.0193 * seen[0] + 0.1192 * seen[1] + 0.9505 * seen[2]) / 1.089;
        static double F(double t) => t > 0.008856 ? Math.Cbrt(t) : 7.787 * t + 16.0 / 116;
        return [116 * F(y) - 16, 500 * (F(x) - F(y)), 200 * (F(y) - F(z))];
    }

    private static double Distance(double[] a, double[] b) => Math.Sqrt(a.Zip(b, (p, q) => (p - q) * (p - q)).Sum());
}
