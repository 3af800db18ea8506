using TorchSharp.PyBridge;
using UnetResnet.Models;
using UnetResnet.Tests.Models;
using UnetResnet.Weights;

namespace UnetResnet.Tests.Weights;

/// <summary>TorchSharp.PyBridge, other people's reader and writer of PyTorch's formats: what it writes is read here, and what is written here is read by it.</summary>
public sealed class PyBridgeTests : IDisposable
{
    private static readonly ResNet50Options Narrow = new() { Width = 16, IncludeTop = true, Classes = 5 };

    private readonly TemporaryFolder folder = new();
    private readonly ResNet50Encoder encoder = new(Narrow), other = new(Narrow);

    public PyBridgeTests() => KeyedNumbers.Fill(encoder);

    public void Dispose()
    {
        encoder.Dispose();
        other.Dispose();
        folder.Dispose();
    }

    [Fact]
    public void Its_safetensors_are_read_here()
    {
        encoder.save_safetensors(folder["theirs.safetensors"]);
        Assert.Equal(320, EncoderWeights.Load(other, folder["theirs.safetensors"]).Matched.Count);
        Assert.Equal(ModuleState.Describe(encoder), ModuleState.Describe(other));
    }

    /// <summary>Unlike PyTorch's own, its archives are compressed, and every tensor comes with an ordered dictionary that is made of an empty tuple.</summary>
    [Fact]
    public void Its_pth_are_read_here()
    {
        encoder.save_py(folder["theirs.pth"]);
        Assert.Equal(320, EncoderWeights.Load(other, folder["theirs.pth"]).Matched.Count);
        Assert.Equal(ModuleState.Describe(encoder), ModuleState.Describe(other));
    }

    [Fact]
    public void A_U_Net_goes_there_and_comes_back()
    {
        var options = new UNetOptions { Classes = 3, Encoder = new ResNet50Options { Width = 16 } };
        using UNetResNet50 unet = new(options), theirs = new(options);
        KeyedNumbers.Fill(unet);
        unet.Save(folder["ours.safetensors"]);
        theirs.load_safetensors(folder["ours.safetensors"]);
        theirs.save_py(folder["theirs.pth"]);
        using UNetResNet50 back = UNetResNet50.Load(folder["theirs.pth"], options);
        Assert.Equal(ModuleState.Describe(unet), ModuleState.Describe(back));
    }

    [Fact]
    public void Our_safetensors_are_read_by_it()
    {
        Assert.NotEqual(ModuleState.Describe(encoder), ModuleState.Describe(other));
        encoder.Save(folder["ours.safetensors"]);
        other.load_safetensors(folder["ours.safetensors"]);
        Assert.Equal(ModuleState.Describe(encoder), ModuleState.Describe(other));
    }
}
