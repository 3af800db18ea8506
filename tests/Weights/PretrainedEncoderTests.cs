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
    public void The_weights_of_ImageNet_are_never_downloaded_unasked()
    {
        using var cache = new TemporaryFolder();
        using var encoder = new ResNet50Encoder(new ResNet50Options { Weights = ResNet50Options.ImageNet });
        string message = Assert.Throws<WeightsException>(() => PretrainedEncoder.Load(encoder, cache.Path)).Message;
        Assert.Contains("lab weights download imagenet", message);
        Assert.Contains("\"bundled\"", message);
        Assert.Empty(Directory.GetFileSystemEntries(cache.Path));

        cache.Write(PretrainedWeights.ImageNet.FileName, "a page to log in");
        message = Assert.Throws<WeightsException>(() => PretrainedEncoder.Load(encoder, cache.Path)).Message;
        Assert.Contains("expected 94653016 bytes", message);
        Assert.Contains("found 16 bytes", message);
    }

    [Fact]
    public void A_file_that_is_no_weights_file_is_named()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["notes.txt"], "not weights at all");
        Assert.Contains("notes.txt", Assert.Throws<WeightsException>(() => PretrainedEncoder.Create(new ResNet50Options { Width = 16, Weights = folder["notes.txt"] })).Message);
    }
}
