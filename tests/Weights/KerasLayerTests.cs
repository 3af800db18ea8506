using PureHDF;
using UnetResnet.Models;
using UnetResnet.Tests.Models;
using UnetResnet.Weights;

namespace UnetResnet.Tests.Weights;

/// <summary>Keras files whose layers are not what their names say.</summary>
public sealed class KerasLayerTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("conv1", 3, "has 3 weights and should have a kernel and a bias")]
    [InlineData("bn_conv1", 2, "has 2 weights and should have 4: gamma, beta, mean and variance")]
    [InlineData("bn_conv1", 5, "has 5 weights and should have 4: gamma, beta, mean and variance")]
    public void Another_number_of_weights_is_refused_by_the_layers_name(string layer, int count, string reason) =>
        Refused($"layer '{layer}' {reason}", (layer, [.. Enumerable.Range(0, count).Select(i => ($"{layer}_{i}:0", (Array)new float[16]))]));

    [Theory]
    [InlineData("conv1", "0,W", "weight 2 of layer 'conv1' is named 'conv1_W:0' and should be b or bias")]
    [InlineData("conv1", "b,0", "weight 1 of layer 'conv1' is named 'conv1_b:0' and should be W or kernel")]
    [InlineData("bn_conv1", "0,1,2,gamma", "weight 4 of layer 'bn_conv1' is named 'bn_conv1_gamma:0' and should be running_std or moving_variance")]
    [InlineData("bn_conv1", "0,1,running_std,3", "weight 3 of layer 'bn_conv1' is named 'bn_conv1_running_std:0' and should be running_mean or moving_mean")]
    public void A_name_in_another_place_is_refused(string layer, string names, string reason) =>
        Refused(reason, (layer, [.. names.Split(',').Select(name => ($"{layer}_{name}:0", (Array)new float[16]))]));

    /// <summary>Only kernels are turned round.</summary>
    [Fact]
    public void Another_shape_is_told_as_the_file_has_it()
    {
        string message = Refused("3 of another shape or type",
            ("conv1", [("conv1_W:0", new float[5, 3, 7, 16]), ("conv1_b:0", new float[1, 16])]),
            ("bn_conv1", [("bn_conv1_gamma:0", new float[1, 16]), ("bn_conv1_beta:0", new float[16]), ("bn_conv1_running_mean:0", new float[16]), ("bn_conv1_running_std:0", new float[16])]));
        Assert.Contains("conv1.weight is Float32 (16, 7, 5, 3) and should be Float32 (16, 3, 7, 7)", message);
        Assert.Contains("conv1.bias is Float32 (1, 16) and should be Float32 (16)", message);
        Assert.Contains("bn_conv1.weight is Float32 (1, 16) and should be Float32 (16)", message);
    }

    private string Refused(string reason, params (string Name, (string Name, Array Values)[] Weights)[] layers)
    {
        var file = new H5File();
        // By this layer the file is known to be Keras's ResNet50.
        layers = [.. layers, ("res2a_branch2a", [("res2a_branch2a_W:0", new float[1, 1, 16, 16])])];
        foreach ((string name, (string Name, Array Values)[] weights) in layers)
        {
            var group = new H5Group();
            foreach ((string weight, Array values) in weights) group[weight] = new H5Dataset(values);
            group.Attributes["weight_names"] = weights.Select(weight => weight.Name).ToArray();
            file[name] = group;
        }

        file.Attributes["layer_names"] = layers.Select(layer => layer.Name).ToArray();
        file.Write(folder["keras.h5"]);
        using var encoder = new ResNet50Encoder(new ResNet50Options { Width = 16 });
        string before = ModuleState.Describe(encoder), message = Assert.Throws<WeightsException>(() => EncoderWeights.Load(encoder, folder["keras.h5"], new LoadOptions { ByName = true })).Message;
        Assert.Contains(folder["keras.h5"], message);
        Assert.Contains(reason, message);
        Assert.Equal(before, ModuleState.Describe(encoder));
        return message;
    }
}
