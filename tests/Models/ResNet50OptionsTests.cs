using UnetResnet.Models;

namespace UnetResnet.Tests.Models;

public class ResNet50OptionsTests
{
    [Fact]
    public void Defaults_are_those_of_the_question()
    {
        ResNet50Options options = new ResNet50Options().Validate();
        Assert.Equal((64, false, null, 1000, ConvolutionPadding.Same), (options.Width, options.IncludeTop, options.Pooling, options.Classes, options.Padding));
        Assert.Equal(1e-3, options.BatchNorm.Eps);
    }

    [Theory]
    [InlineData(0, "Take 16.")]
    [InlineData(-16, "Take 16.")]
    [InlineData(8, "Take 16.")]
    [InlineData(17, "Take 16 or 32.")]
    [InlineData(40, "Take 32 or 48.")]
    public void Width_must_be_a_multiple_of_16_and_the_message_says_why(int width, string cure)
    {
        var e = Assert.Throws<ArgumentOutOfRangeException>(() => new ResNet50Options { Width = width }.Validate());
        Assert.Equal("Width", e.ParamName);
        Assert.Contains("multiples of 16", e.Message);
        Assert.Contains("NaN", e.Message);
        Assert.Contains(cure, e.Message);
    }

    public static TheoryData<ResNet50Options, string, string[]> Forbidden { get; } = new()
    {
        { new() { Pooling = "mean" }, "Pooling", ["mean", "\"avg\"", "\"max\"", "null"] },
        { new() { Pooling = "avg", IncludeTop = true }, "Pooling", ["IncludeTop", "null"] },
        { new() { IncludeTop = true, Classes = 0 }, "Classes", ["at least 1"] },
    };

    [Theory]
    [MemberData(nameof(Forbidden))]
    public void Forbidden_values_and_combinations_are_named(ResNet50Options options, string parameter, string[] parts)
    {
        var e = Assert.ThrowsAny<ArgumentException>(() => options.Validate());
        Assert.Equal(parameter, e.ParamName);
        Assert.All(parts, part => Assert.Contains(part, e.Message));
        Assert.ThrowsAny<ArgumentException>(() => new ResNet50Encoder(options));
    }

    public static TheoryData<ResNet50Options> Allowed { get; } =
    [
        new() { Width = 16, Pooling = "max" },
        new() { Width = 48, Classes = 10 },
        new() { IncludeTop = true, Classes = 1 },
    ];

    [Theory]
    [MemberData(nameof(Allowed))]
    public void Allowed_combinations_pass(ResNet50Options options) => Assert.Same(options, options.Validate());
}
