using UnetResnet.Models;
using UnetResnet.Tests.Models;
using UnetResnet.Weights;

namespace UnetResnet.Tests.Weights;

public class PretrainedEncoderTests
{
    [Fact]
    public void A_file_is_loaded()
    {
        using var folder = new TemporaryFolder();
        using var saved = new ResNet50Encoder(new ResNet50Options { Width = 16 });
        KeyedNumbers.Fill(saved);
        ModuleWeights.Save(saved, folder["encoder.safetensors"]);
        using ResNet50Encoder loaded = PretrainedEncoder.Create(new ResNet50Options { Width = 16, Weights = folder["encoder.safetensors"] });
        Assert.Equal(ModuleState.Describe(saved), ModuleState.Describe(loaded));
    }

    [Fact]
    public void Without_weights_the_encoder_stays_random()
    {
        using var encoder = new ResNet50Encoder(new ResNet50Options { Width = 16 });
        string before = ModuleState.Describe(encoder);
        PretrainedEncoder.Load(encoder);
        Assert.Equal(before, ModuleState.Describe(encoder));
    }

    [Fact]
    public void The_weights_of_ImageNet_do_not_come_with_the_kit()
    {
        var e = Assert.Throws<WeightsException>(() => PretrainedEncoder.Create(new ResNet50Options { Weights = ResNet50Options.ImageNet }));
        Assert.Contains("safetensors", e.Message);
        Assert.Contains("\"bundled\"", e.Message);
    }

    [Fact]
    public void A_file_that_is_no_weights_file_is_named()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["notes.txt"], "not weights at all");
        Assert.Contains("notes.txt", Assert.Throws<WeightsException>(() => PretrainedEncoder.Create(new ResNet50Options { Width = 16, Weights = folder["notes.txt"] })).Message);
    }
}
