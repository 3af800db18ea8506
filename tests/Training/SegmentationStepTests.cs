using UnetResnet.Data;
using UnetResnet.Training;

namespace UnetResnet.Tests.Training;

public class SegmentationStepTests
{
    [Fact]
    public void A_line_tells_the_share_of_the_foreground_or_of_every_class_there_is()
    {
        SegmentationStep one = Step(Found(1, (1, 0.125))), three = Step(Found(6, (0, 0.5), (1, 0), (2, 0.5)));
        Assert.Equal("2 of 3  a.png  12.5 % foreground, confidence 0.875, 1.3 s", one.ToString());
        Assert.Equal("2 of 3  a.png  0: 50.0 %, 2: 50.0 %, confidence 0.875, 6 tiles, 1.3 s", three.ToString());
        Assert.Equal("2 of 3  a.png  done before", Step(null).ToString());
        Assert.Equal("2 of 3  a.png  is cut short", (Step(null) with { Problem = "is cut short" }).ToString());
    }

    [Theory]
    [InlineData(null, "")]
    [InlineData(0.99, "")]
    [InlineData(1.0, ", about 1 s left")]
    [InlineData(89.4, ", about 89 s left")]
    [InlineData(89.9, ", about 90 s left")]
    [InlineData(90.0, ", about 2 min left")]
    [InlineData(600.0, ", about 10 min left")]
    public void What_is_left_is_told_in_seconds_below_a_minute_and_a_half(double? seconds, string left) =>
        Assert.Equal($"2 of 3  a.png  done before{left}", (Step(null) with { SecondsLeft = seconds }).ToString());

    /// <summary>The mean of the images that were segmented, for each that is left.</summary>
    [Fact]
    public void The_rest_is_foretold_from_what_was_segmented()
    {
        var pace = new Pace(5);
        SegmentationStep Next(string image, SegmentedImage? found, string? problem = null)
        {
            pace.Begin();
            if (found is not null) Thread.Sleep(2);
            return pace.End(image, found, problem);
        }

        SegmentationStep before = Next("a", null), first = Next("b", Found(1)), damaged = Next("c", null, "is cut short"), second = Next("d", Found(1)), last = Next("e", Found(1));
        Assert.Equal(["1 of 5 a", "2 of 5 b", "3 of 5 c", "4 of 5 d", "5 of 5 e"], new[] { before, first, damaged, second, last }.Select(step => $"{step.Number} of {step.Count} {step.Image}"));
        Assert.Equal((null, "is cut short"), (before.Problem, damaged.Problem));
        Assert.All(new[] { first, second, last }, step => Assert.True(step.Seconds > 0.0005));
        Assert.Null(before.SecondsLeft);
        Assert.Equal(3 * first.Seconds, first.SecondsLeft!.Value, 1e-9);
        Assert.Equal(2 * first.Seconds, damaged.SecondsLeft!.Value, 1e-9);
        Assert.Equal((first.Seconds + second.Seconds) / 2, second.SecondsLeft!.Value, 1e-9);
        Assert.Equal(0, last.SecondsLeft);
        Assert.Equal(3, pace.Segmented);
    }

    [Fact]
    public void The_report_names_what_is_damaged()
    {
        var report = new FolderSegmentationReport { Segmented = 2, DoneBefore = 3, Damaged = [], Table = "areas.csv" };
        Assert.Equal("2 segmented, 3 done before, 0 damaged. The table is areas.csv.", report.ToString());
        Assert.Equal("2 segmented, 3 done before, 2 damaged (a, b). The table is areas.csv.", (report with { Damaged = [new("a", "cut"), new("b", "cut")] }).ToString());
    }

    private static SegmentationStep Step(SegmentedImage? result) => new() { Number = 2, Count = 3, Image = "a.png", Result = result, Seconds = 1.26 };

    private static SegmentedImage Found(int tiles, params (int Class, double Share)[] areas) => new()
    {
        Mask = new PixelImage(2, 4, 1, new byte[8]),
        Areas = [.. areas.Select(area => new ClassArea { Class = area.Class, Pixels = (long)(8 * area.Share), Share = area.Share, Confidence = 1 })],
        Confidence = 0.875,
        Tiles = tiles,
    };
}
