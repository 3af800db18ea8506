using UnetResnet.Diagnosis;
using UnetResnet.Notebooks;

namespace UnetResnet.Tests.Notebooks;

public class LineProgressTests
{
    [Fact]
    public void Each_report_is_a_line_before_the_call_returns()
    {
        var output = new StringWriter();
        new LineProgress<DoctorStep>(output).Report(new DoctorStep(2, "gap", 1.26));
        Assert.Equal("  1.3 s  2  gap", output.ToString().TrimEnd());

        var display = new LineProgress<int>();
        using var console = new ConsoleCapture();
        display.Report(7);
        Assert.Equal("7\n", console.Text);
    }
}
