using UnetResnet.Models;
using UnetResnet.Tests.Models;
using UnetResnet.Weights;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Weights;

public sealed class EncoderWeightsTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    /// <summary>By name, what is missing stays as it is; what has the name and another shape is no such case.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_tensor_of_another_shape_is_an_error_by_name_too_and_nothing_is_loaded(bool byName)
    {
        using var scope = NewDisposeScope();
        using var saved = new ResNet50Encoder(new ResNet50Options { Width = 16 });
        using var encoder = new ResNet50Encoder(new ResNet50Options { Width = 16 });
        Dictionary<string, Tensor> state = saved.state_dict();
        state["bn_conv1.bias"] = zeros(32);
        string path = folder["misshapen.safetensors"];
        Safetensors.Write(path, state);
        string before = ModuleState.Describe(encoder);

        string message = Assert.Throws<WeightsException>(() => EncoderWeights.Load(encoder, path, new LoadOptions { ByName = byName })).Message;

        Assert.Contains("1 of another shape or type (bn_conv1.bias is Float32 (32) and should be Float32 (16))", message);
        Assert.Equal(before, ModuleState.Describe(encoder));
    }
}
