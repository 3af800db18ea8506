using UnetResnet.Models;

namespace UnetResnet.Tests.Models;

public class ResNet50OptionsTests
{
    [Fact]
    public void Defaults_are_those_of_the_question()
    {
        ResNet50Options options = new ResNet50Options().Validate();
        Assert.Equal((64, false, null, null, 1000, ConvolutionPadding.Same), (options.Width, options.IncludeTop, options.Weights, options.Pooling, options.Classes, options.Padding));
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
        // The original: "The `weights` argument should be either `None`, `imagenet` or the path to the weights file".
        { new() { Weights = "imagenot" }, "Weights", ["imagenot", "no such file", "null", "\"imagenet\"", "path"] },
        // The original: "If using `weights` as imagenet with `include_top` as true, `classes` should be 1000".
        { new() { Weights = "imagenet", IncludeTop = true, Classes = 10 }, "Classes", ["1000", "not 10", "IncludeTop"] },
        { new() { Weights = "imagenet", Width = 16 }, "Width", ["64", "not 16", "bundled"] },
        { new() { Weights = "bundled", Width = 64 }, "Weights", ["width 16", "width 64"] },
        { new() { Weights = "bundled", Width = 16, IncludeTop = true }, "Weights", ["without top", "with top"] },
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
        new() { Weights = "imagenet" },
        new() { Weights = "imagenet", IncludeTop = true },
        new() { Weights = "imagenet", Classes = 10 },
        new() { Weights = "bundled", Width = 16, Pooling = "max" },
        new() { Weights = typeof(ResNet50Options).Assembly.Location, Width = 48 },
        new() { IncludeTop = true, Classes = 1 },
    ];

    [Theory]
    [MemberData(nameof(Allowed))]
    public void Allowed_combinations_pass(ResNet50Options options) => Assert.Same(options, options.Validate());
}
