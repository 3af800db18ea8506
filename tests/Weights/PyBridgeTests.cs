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

    [Fact]
    public void Our_safetensors_are_read_by_it()
    {
        Assert.NotEqual(ModuleState.Describe(encoder), ModuleState.Describe(other));
        encoder.Save(folder["ours.safetensors"]);
        other.load_safetensors(folder["ours.safetensors"]);
        Assert.Equal(ModuleState.Describe(encoder), ModuleState.Describe(other));
    }
}
