using Plotly.NET;
using UnetResnet.Notebooks;
using UnetResnet.Runtime;

namespace UnetResnet.Tests.Notebooks;

public class ChartSummaryTests
{
    [Fact]
    public void A_line_tells_its_ends_and_its_extremes() =>
        Assert.Equal(
            "Chart: Dip. a 3 → 2 (4 points, lowest 1 at 20, highest 5 at 30).",
            Summary(Charts.Lines([10, 20, 30, 40], new Dictionary<string, IReadOnlyList<double>> { ["a"] = [3, 1, 5, 2] }, "Dip", "x", "y")));

    [Fact]
    public void Bars_tell_their_values() =>
        Assert.Equal("Chart: Cure. broken 0.39, cured 0.945.", Summary(Charts.Bars(new Dictionary<string, double> { ["broken"] = 0.39, ["cured"] = 0.945 }, "Cure", "IoU")));

    [Fact]
    public void Dots_tell_the_range_of_every_row_and_the_medians() =>
        Assert.Equal(
            "Chart: League. good 1 to 3, bad 7; good 2, bad 7.",
            Summary(Charts.Dots(new Dictionary<string, IReadOnlyList<double>> { ["good"] = [1, 3, 2], ["bad"] = [7] }, "League", "loss")));

    [Fact]
    public void A_heat_map_tells_its_size_and_range() =>
        Assert.Equal("Chart: Drift. 1 × 3 values from -1 to 2.5.", Summary(Charts.Heatmap(new double[,] { { -1, double.NaN, 2.5 } }, ["r"], ["a", "b", "c"], "Drift", "v")));

    [Fact]
    public void Nothing_finite_is_said() =>
        Assert.Equal(
            "Chart: Gone. a has no finite value.",
            Summary(Charts.Lines([1], new Dictionary<string, IReadOnlyList<double>> { ["a"] = [double.NaN] }, "Gone", "x", "y")));

    [Theory]
    [InlineData(0.123456, "0.1235")]
    [InlineData(12345.678, "12346")]
    [InlineData(1e-5, "1e-5")]
    [InlineData(-0.5, "-0.5")]
    [InlineData(1234567, "1234567")]
    [InlineData(double.NaN, "NaN")]
    [InlineData(double.NegativeInfinity, "-∞")]
    public void Numbers_have_four_digits(double value, string text) => Assert.Equal(text, NumberText.Short(value));

    private static string Summary(GenericChart chart) => ChartSummary.Of(ChartFigure.Of(chart));
}
