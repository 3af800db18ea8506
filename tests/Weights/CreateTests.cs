using UnetResnet.Models;
using UnetResnet.Tests.Models;
using UnetResnet.Weights;

namespace UnetResnet.Tests.Weights;

public class CreateTests
{
    private static readonly ResNet50Options Narrow = new() { Width = 16 };

    [Fact]
    public void A_file_is_loaded_into_an_encoder_and_into_a_U_Net_s()
    {
        using var folder = new TemporaryFolder();
        using var saved = new ResNet50Encoder(Narrow);
        KeyedNumbers.Fill(saved);
        saved.Save(folder["encoder.safetensors"]);
        using ResNet50Encoder loaded = ResNet50Encoder.Create(Narrow, folder["encoder.safetensors"]);
        Assert.Equal(ModuleState.Describe(saved), ModuleState.Describe(loaded));
        using UNetResNet50 unet = UNetResNet50.Create(new UNetOptions { Encoder = Narrow }, folder["encoder.safetensors"]);
        Assert.Equal(ModuleState.Describe(saved), ModuleState.Describe(unet.Encoder));
    }

    [Fact]
    public void The_bundled_weights_arrive_in_a_U_Net_and_say_their_preprocessing()
    {
        using UNetResNet50 unet = UNetResNet50.Create(new UNetOptions { Encoder = Narrow }, "bundled");
        Assert.NotEqual(1f, unet.Encoder.state_dict()["bn_conv1.running_var"][0].item<float>());
        Assert.Equal("caffe", unet.Encoder.Preprocessing);
    }

    [Fact]
    public void Without_weights_the_network_is_random_and_knows_no_preprocessing()
    {
        using UNetResNet50 unet = UNetResNet50.Create(new UNetOptions { Encoder = Narrow }, weights: null);
        Assert.Equal(1f, unet.Encoder.state_dict()["bn_conv1.running_var"][0].item<float>());
        Assert.Null(unet.Encoder.Preprocessing);
    }

    [Fact]
    public void The_weights_of_ImageNet_are_never_downloaded_unasked()
    {
        using var cache = new TemporaryFolder();
        string Message() => Assert.Throws<WeightsException>(() => NamedWeights.Create<ResNet50Encoder>(new ResNet50Options(), "imagenet", () => throw new InvalidOperationException("built"), e => e, cache.Path)).Message;
        string message = Message();
        Assert.Contains("lab weights download imagenet", message);
        Assert.Contains("\"bundled\"", message);
        Assert.Empty(Directory.GetFileSystemEntries(cache.Path));

        cache.Write(PretrainedWeights.ImageNet.FileName, "a page to log in");
        message = Message();
        Assert.Contains("expected 94653016 bytes", message);
        Assert.Contains("found 16 bytes", message);
    }

    [Fact]
    public void A_file_that_is_no_weights_file_is_named()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["notes.txt"], "not weights at all");
        Assert.Contains("notes.txt", Assert.Throws<WeightsException>(() => ResNet50Encoder.Create(Narrow, folder["notes.txt"])).Message);
    }

    public static TheoryData<ResNet50Options, string, string, string[]> Forbidden { get; } = new()
    {
        // The original: "The `weights` argument should be either `None`, `imagenet` or the path to the weights file".
        { new(), "imagenot", "weights", ["imagenot", "no such file", "null", "\"imagenet\"", "path"] },
        // The original: "If using `weights` as imagenet with `include_top` as true, `classes` should be 1000".
        { new() { IncludeTop = true, Classes = 10 }, "imagenet", "options", ["1000", "not 10", "IncludeTop"] },
        { new() { Width = 16 }, "imagenet", "options", ["64", "not 16", "bundled"] },
        { new() { Width = 64 }, "bundled", "options", ["width 16", "width 64"] },
        { new() { Width = 16, IncludeTop = true }, "bundled", "options", ["without top", "with top"] },
        { ResNet50Options.Torchvision, "imagenet", "weights", ["Keras's", "path"] },
        { ResNet50Options.Torchvision with { Width = 16 }, "bundled", "weights", ["Keras's", "path"] },
    };

    [Theory]
    [MemberData(nameof(Forbidden))]
    public void Weights_of_another_network_are_refused_before_anything_is_built(ResNet50Options options, string weights, string parameter, string[] parts)
    {
        var e = Assert.ThrowsAny<ArgumentException>(() => ResNet50Encoder.Create(options, weights));
        Assert.Equal(parameter, e.ParamName);
        Assert.All(parts, part => Assert.Contains(part, e.Message));
        Assert.ThrowsAny<ArgumentException>(() => UNetResNet50.Create(new UNetOptions { Encoder = options with { IncludeTop = false, Width = options.IncludeTop ? 32 : options.Width } }, weights));
    }

    [Theory]
    [InlineData(64, false, 1000, "imagenet")]
    [InlineData(64, true, 1000, "imagenet")]
    [InlineData(64, false, 10, "imagenet")]
    [InlineData(16, false, 1000, "bundled")]
    [InlineData(48, false, 1000, null)]
    public void Allowed_combinations_pass(int width, bool top, int classes, string? weights) =>
        NamedWeights.Check(new ResNet50Options { Width = width, IncludeTop = top, Classes = classes }, weights);
}
