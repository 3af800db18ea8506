using UnetResnet.Lab.Commands;
using UnetResnet.Training;
using UnetResnet.Weights;

namespace UnetResnet.Tests.Lab;

public class CommandGuardTests
{
    private static async Task<(int Code, string Errors)> Run(Func<int> command)
    {
        var errors = new StringWriter();
        return (await CommandGuard.Run(() => Task.FromResult(command()), errors), errors.ToString());
    }

    [Fact]
    public async Task What_is_wrong_is_said_in_one_sentence_without_a_trace()
    {
        foreach (Func<int> command in new Func<int>[]
        {
            () => Preset.FromName("foo").Width,
            () => throw new WeightsException("No file foo."),
            () => throw new IOException("No space left on device: foo"),
        })
        {
            (int code, string errors) = await Run(command);
            Assert.Equal(1, code);
            Assert.Contains("foo", errors);
            Assert.Single(errors.Trim().Split('\n'));
        }
    }

    [Fact]
    public async Task An_interrupt_is_130_a_bug_keeps_its_trace_and_success_its_code()
    {
        Assert.Equal(130, (await Run(() => throw new OperationCanceledException())).Code);
        (int code, string errors) = await Run(() => throw new InvalidOperationException("unforeseen"));
        Assert.Equal(1, code);
        Assert.Contains("   at ", errors);
        Assert.Equal((7, ""), await Run(() => 7));
    }
}
