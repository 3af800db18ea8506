using UnetResnet.Notebooks;
using UnetResnet.Training;

namespace UnetResnet.Tests.Notebooks;

public class ProgressDisplayTests
{
    [Fact]
    public void Each_epoch_is_a_line_with_the_time_that_is_left()
    {
        var output = new StringWriter();
        var display = new ProgressDisplay(12, output);
        TrainingHistory history = Histories.Of(12);
        display.Report(history[0]);
        display.Report(history[11]);
        string[] lines = output.ToString().ReplaceLineEndings("\n").Split('\n');
        // 11 epochs of 1.5 s are left after the first, none after the last.
        Assert.Equal("epoch  1/12  loss 0.500, validation 0.310  IoU 0.533, validation 0.775  1.5 s, 16 s left", lines[0]);
        Assert.Equal("epoch 12/12  loss 0.077, validation 0.420  IoU 0.900, validation 0.500  1.5 s", lines[1]);
    }

    [Theory]
    [InlineData(10, "10 s left")]
    [InlineData(300, "5 min left")]
    [InlineData(9000, "2.5 h left")]
    public void Long_times_are_told_in_larger_units(double seconds, string expected)
    {
        var output = new StringWriter();
        new ProgressDisplay(2, output).Report(Histories.Of(1)[0] with { Seconds = seconds });
        Assert.EndsWith(expected, output.ToString().TrimEnd(), StringComparison.Ordinal);
    }

    [Fact]
    public void Without_a_writer_it_is_the_standard_output_of_the_moment()
    {
        var display = new ProgressDisplay(1);
        using var console = new ConsoleCapture();
        display.Report(Histories.Of(1)[0]);
        Assert.StartsWith("epoch 1/1", console.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void At_least_one_epoch_is_planned() => Assert.Throws<ArgumentOutOfRangeException>(() => new ProgressDisplay(0));
}
