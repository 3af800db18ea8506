using System.Text.Json.Nodes;
using CsCheck;
using UnetResnet.Notebooks.Drawing;

namespace UnetResnet.Tests.Notebooks;

public class PictureAxisTests
{
    [Theory]
    [InlineData(0.0, 1.0, 5, "0.0 0.2 0.4 0.6 0.8 1.0")]
    [InlineData(0.0, 12.0, 6, "0 2 4 6 8 10 12")]
    [InlineData(-1.0, 1.0, 4, "−1.0 −0.5 0.0 0.5 1.0")]
    [InlineData(0.0, 20000.0, 4, "0 5k 10k 15k 20k")]
    [InlineData(0.0, 0.03, 3, "0.00 0.01 0.02 0.03")]
    public void Ticks_are_round_numbers(double lo, double hi, int most, string labels) =>
        Assert.Equal(labels.Split(' '), Axis(null, lo, hi).Ticks(most).Select(t => t.Label));

    [Fact]
    public void Ticks_lie_inside_the_axis_and_are_about_as_many_as_there_is_room_for() =>
        Gen.Select(Gen.Double[-1e3, 1e3], Gen.Double[1e-3, 1e4], Gen.Int[2, 12]).Sample((lo, span, most) =>
        {
            IReadOnlyList<(double Position, string Label)> ticks = Axis(null, lo, lo + span).Ticks(most);
            // The step is at most 1.6 times too short or too long, and at the ends one tick may be won or lost.
            Assert.InRange(ticks.Count, most / 1.7 - 1, 1.7 * most + 1);
            Assert.All(ticks, t => Assert.InRange(t.Position, lo - 1e-6 * span, lo + span * (1 + 1e-6)));
            Assert.Equal(ticks.Count, ticks.Select(t => t.Label).Distinct().Count());
        });

    [Fact]
    public void A_logarithmic_axis_labels_decades_at_equal_distances()
    {
        PictureAxis axis = Axis("""{"type":"log"}""", 0.001, 1000);
        (axis.Start, axis.End) = (0, 600);
        IReadOnlyList<(double Position, string Label)> ticks = axis.Ticks(7);
        Assert.Equal(["0.001", "0.01", "0.1", "1", "10", "100", "1000"], ticks.Select(t => t.Label));
        Assert.All(ticks.Index(), t => Assert.Equal(100f * t.Index, axis.Pixel(t.Item.Position), 3));
        Assert.True(double.IsNaN(axis.Position(0)) && double.IsNaN(axis.Position(-1)));
    }

    [Fact]
    public void Categories_stand_at_whole_numbers_in_the_order_in_which_they_come()
    {
        var axis = new PictureAxis(null, ["b", "a", "b"], halfStep: true, includeZero: false, padding: 0);
        Assert.Equal([(0.0, "b"), (1.0, "a")], axis.Ticks(1));
        Assert.Equal((-0.5, 1.5), (axis.Low, axis.High));
        Assert.True(double.IsNaN(axis.Position("c")));
    }

    [Fact]
    public void Categories_keep_the_order_that_the_layout_gives_them()
    {
        var axis = new PictureAxis(JsonNode.Parse("""{"type":"category","categoryarray":["a","b","c"]}"""), ["c", "a"], halfStep: true, includeZero: false, padding: 0);
        Assert.Equal(["a", "b", "c"], axis.Ticks(1).Select(t => t.Label));
        Assert.Equal((2, 1), (axis.Position("c"), axis.PositionOfShape(JsonNode.Parse("1"))));
    }

    [Fact]
    public void Range_step_and_direction_of_the_layout_are_obeyed()
    {
        PictureAxis axis = Axis("""{"range":[0,10],"dtick":5,"autorange":"reversed"}""", 3, 4);
        Assert.Equal((10.0, 0.0), (axis.Low, axis.High));
        Assert.Equal([0.0, 5.0, 10.0], axis.Ticks(50).Select(t => t.Position));
    }

    private static PictureAxis Axis(string? layout, double lo, double hi) =>
        new(layout is null ? null : JsonNode.Parse(layout), [lo, hi], halfStep: false, includeZero: false, padding: 0);
}
