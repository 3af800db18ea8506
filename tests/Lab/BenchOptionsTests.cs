using UnetResnet.Lab.Commands;

namespace UnetResnet.Tests.Lab;

/// <summary>Arguments that no benchmark can use are refused before anything is measured, each with what was given and what is taken.</summary>
public class BenchOptionsTests
{
    [Theory]
    [InlineData("collapse --seeds 0", "--seeds is 0 and must be at least 1.")]
    [InlineData("collapse --preset slow", "'slow'")]
    [InlineData("cures --variants broken,magic", "there is no 'magic'. Known: broken,")]
    [InlineData("cures --datasets moon", "there is no 'moon'. Known: brain, salt.")]
    [InlineData("train --side 100", "--side is 100 and must be divisible by 32")]
    [InlineData("train --rounds 0", "--rounds is 0 and must be at least 1.")]
    [InlineData("infer --only frozen", "there is no 'frozen'. Known: infer, infer_bf16.")]
    [InlineData("scale --batch 1", "--batch is 1 and must be at least 2.")]
    [InlineData("scale --only running,none", "there is no 'none'. Known: running, own, synchronised.")]
    [InlineData("roofline --side 16", "--side is 16 and must be at least 32.")]
    [InlineData("data --folder -1", "--folder is -1 and must be at least 0.")]
    [InlineData("kernel --starts 0", "--starts is 0 and must be at least 1.")]
    [InlineData("interrupts --count 0", "--count is 0 and must be at least 1.")]
    [InlineData("cells --count 99", "--count is 99 and must be at least 100.")]
    [InlineData("soak --minutes -1", "--minutes must be at least 0.")]
    [InlineData("threads --epochs 0", "--epochs is 0 and must be at least 1.")]
    public void An_argument_that_cannot_be_is_refused(string arguments, string message)
    {
        var bench = BenchCommand.Create();
        Assert.Contains(bench.Parse(arguments).Errors, e => e.Message.Contains(message, StringComparison.Ordinal));
        (int code, string text, _) = CommandRun.Of(bench, arguments.Split(' '));
        Assert.NotEqual(0, code);
        Assert.DoesNotContain("{", text);
    }

    [Fact]
    public void Names_come_separated_by_commas_and_are_all_where_none_is_named()
    {
        var option = BenchOptions.Names("--only", "Names", ["one", "two", "three"]);
        var command = new System.CommandLine.Command("c") { option };
        Assert.Equal(["one", "two", "three"], command.Parse("").GetRequiredValue(option));
        Assert.Equal(["one", "two", "three"], command.Parse(["--only", ""]).GetRequiredValue(option));
        Assert.Equal(["three", "one"], command.Parse("--only three,one").GetRequiredValue(option));
        Assert.Equal(["three", "one"], command.Parse(["--only", "three, one,"]).GetRequiredValue(option));
    }
}
