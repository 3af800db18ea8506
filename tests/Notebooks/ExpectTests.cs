using UnetResnet.Notebooks;

namespace UnetResnet.Tests.Notebooks;

public class ExpectTests
{
    [Fact]
    public void A_value_in_its_band_is_told_in_one_line()
    {
        using var console = new ConsoleCapture();
        Expect.That("validation IoU of the broken run", 0.52).IsAtMost(0.70);
        Expect.That("IoU", 0.95).IsAtLeast(0.93);
        Expect.That("loss", 0.15).IsBetween(0.1, 0.2);
        Expect.That("parameters", 23587712).IsNear(23587712, 0);
        Assert.Equal(
            """
            ✓ validation IoU of the broken run: 0.52 (expected at most 0.7)
            ✓ IoU: 0.95 (expected at least 0.93)
            ✓ loss: 0.15 (expected between 0.1 and 0.2)
            ✓ parameters: 23587712 (expected 23587712 ± 0)

            """.ReplaceLineEndings("\n"), console.Text);
    }

    [Fact]
    public void Facts_and_exact_values_are_told_without_a_band()
    {
        using var console = new ConsoleCapture();
        Expect.IsTrue("every layer is frozen", true);
        Expect.Equal("layers", 53, 53);
        Expect.Equal("cause", "batch", "batch");
        Expect.Equal<string?>("cure", null, null);
        Assert.Equal("✓ every layer is frozen: yes\n✓ layers: 53, as expected\n✓ cause: batch, as expected\n✓ cure: nothing, as expected\n", console.Text);
    }

    [Fact]
    public void Facts_that_do_not_hold_and_other_values_fail()
    {
        using var console = new ConsoleCapture();
        Assert.StartsWith("✗ frozen: no, expected yes.", Assert.Throws<ExpectationException>(() => Expect.IsTrue("frozen", false)).Message, StringComparison.Ordinal);
        ExpectationException failure = Assert.Throws<ExpectationException>(() => Expect.Equal("layers", 52, 53));
        Assert.StartsWith("✗ layers: 52, expected 53.", failure.Message, StringComparison.Ordinal);
        Assert.Equal(("layers", "53"), (failure.Name, failure.Band));
        Assert.Throws<ExpectationException>(() => Expect.Equal("cause", "Batch", "batch"));
        Assert.Throws<ArgumentException>(() => Expect.IsTrue(" ", true));
        Assert.Throws<ArgumentException>(() => Expect.Equal(" ", 1, 1));
        Assert.Empty(console.Text);
    }

    [Fact]
    public void Limits_belong_to_the_band()
    {
        using var console = new ConsoleCapture();
        Expect.That("v", 1).IsAtMost(1);
        Expect.That("v", 1).IsAtLeast(1);
        Expect.That("v", 1).IsBetween(1, 1);
        Expect.That("v", 1.5).IsNear(1, 0.5);
        Expect.That("v", 0.5).IsNear(1, 0.5);
    }

    public static TheoryData<double, Action<Expectation>> Outside => new()
    {
        { 1.0001, e => e.IsAtMost(1) },
        { 0.9999, e => e.IsAtLeast(1) },
        { 0.9999, e => e.IsBetween(1, 2) },
        { 2.0001, e => e.IsBetween(1, 2) },
        { 1.51, e => e.IsNear(1, 0.5) },
        { 0.49, e => e.IsNear(1, 0.5) },
        { -1000, e => e.IsNear(1, 0.5) },
        { double.NaN, e => e.IsAtMost(1) },
        { double.NaN, e => e.IsAtLeast(1) },
        { double.NaN, e => e.IsBetween(0, 1) },
        { double.NaN, e => e.IsNear(0, double.PositiveInfinity) },
        { double.PositiveInfinity, e => e.IsAtMost(1) },
    };

    [Theory]
    [MemberData(nameof(Outside))]
    public void A_value_outside_fails(double value, Action<Expectation> band)
    {
        using var console = new ConsoleCapture();
        ExpectationException failure = Assert.Throws<ExpectationException>(() => band(Expect.That("the value", value)));
        Assert.Equal(("the value", value), (failure.Name, failure.Value));
        Assert.Empty(console.Text);
    }

    [Fact]
    public void A_failure_tells_value_band_and_what_to_do()
    {
        ExpectationException failure = Assert.Throws<ExpectationException>(() => Expect.That("validation IoU", 0.700001).IsAtMost(0.7));
        Assert.StartsWith("✗ validation IoU: 0.700001, expected at most 0.7.", failure.Message, StringComparison.Ordinal);
        Assert.Contains("see what changed", failure.Message, StringComparison.Ordinal);
        Assert.Equal("at most 0.7", failure.Band);
    }

    [Fact]
    public void Bands_that_no_value_can_meet_are_refused()
    {
        Expectation one = Expect.That("v", 1);
        Assert.Throws<ArgumentException>(() => one.IsAtMost(double.NaN));
        Assert.Throws<ArgumentException>(() => one.IsBetween(2, 1));
        Assert.Throws<ArgumentException>(() => one.IsNear(1, -0.1));
        Assert.Throws<ArgumentException>(() => one.IsNear(1, double.NaN));
        Assert.Throws<ArgumentException>(() => Expect.That(" ", 1));
    }

    [Fact]
    public void The_html_of_a_check_is_escaped_and_tells_by_sign_and_colour()
    {
        string passed = new CheckLine(true, "a < b", "1\n2").ToHtml(), failed = new CheckLine(false, "a", "1").ToHtml();
        Assert.Contains("a &lt; b", passed, StringComparison.Ordinal);
        Assert.Contains("1<br>2", passed, StringComparison.Ordinal);
        Assert.Contains("✓", passed, StringComparison.Ordinal);
        Assert.Contains("✗", failed, StringComparison.Ordinal);
        Assert.Contains(ChartPalette.FalsePositive, failed, StringComparison.Ordinal);
    }
}
