using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Tests.Models;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Normalization;

public class GroupNormalizationTests
{
    /// <summary>1 group is LayerNorm's formula over channels and places of one image, as many as channels InstanceNorm's, between them the general one.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(16)]
    public void The_formula(int groups)
    {
        using var scope = NewDisposeScope();
        const int images = 3, channels = 16, side = 5;
        using var layer = new ModalBatchNorm2d(channels);
        using (no_grad())
        {
            layer.Weight.uniform_(-2, 2);
            layer.Bias.normal_();
        }

        Assert.Equal(1, GroupNormalization.Apply(layer, groups));
        Assert.Equal($"GroupNorm({groups})", layer.ReplacedBy);
        float[] values = Numbers.Normal(new Random(1), images, channels, side * side), gamma = layer.Weight.Values(), beta = layer.Bias.Values();
        var expected = new double[values.Length];
        int size = channels / groups * side * side;
        for (int start = 0; start < values.Length; start += size)
        {
            double mean = 0, variance = 0;
            for (int i = start; i < start + size; i++) mean += values[i] / (double)size;
            for (int i = start; i < start + size; i++) variance += (values[i] - mean) * (values[i] - mean) / size;
            for (int i = start; i < start + size; i++)
            {
                int channel = i / (side * side) % channels;
                expected[i] = (values[i] - mean) / Math.Sqrt(variance + 1e-3) * gamma[channel] + beta[channel];
            }
        }

        Tensor input = tensor(values, [images, channels, side, side]);
        // Float32 sums over at most 400 values.
        Numbers.AssertClose(expected, layer.call(input), 1e-5);
        float[] training = layer.call(input).Values();
        layer.eval();
        Assert.Equal(training, layer.call(input).Values());
    }

    [Fact]
    public void A_network_converts_and_comes_back()
    {
        using var scope = NewDisposeScope();
        using var unet = new UNetResNet50(new UNetOptions { Encoder = new ResNet50Options { Width = 16 } });
        Tensor images = randn(2, 3, 32, 32);
        string before = ModuleState.Describe(unet);
        Tensor normal = unet.Predict(images);

        Assert.Equal(63, GroupNormalization.Apply(unet));
        Assert.Empty(unet.BatchNormLayers());
        Assert.Equal(before, ModuleState.Describe(unet));
        // No batch: an image alone is predicted as in company. oneDNN may choose another algorithm for one image.
        Tensor both = unet.Predict(images), alone = unet.Predict(images.narrow(0, 0, 1));
        Assert.InRange((both.narrow(0, 0, 1) - alone).abs().max().item<float>(), 0, 1e-4);
        unet.train();
        unet.call(images).mean().backward();
        Assert.Equal(before, ModuleState.Describe(unet));
        Assert.NotNull(unet.Encoder.named_parameters().First(p => p.name == "bn5c_branch2c.weight").parameter.grad);

        Assert.Equal(63, GroupNormalization.Undo(unet));
        Assert.Equal(normal.Values(), unet.Predict(images).Values());
        Assert.Equal(0, GroupNormalization.Undo(unet));
    }

    [Fact]
    public void Groups_that_do_not_divide_are_refused_with_those_that_do()
    {
        using Module<Tensor, Tensor> net = Sequential(new ModalBatchNorm2d(32), new ModalBatchNorm2d(48)), bare = Sequential(ReLU());
        string message = Assert.Throws<ArgumentException>("groups", () => GroupNormalization.Apply(net, 32)).Message;
        Assert.Contains("32 groups do not divide the 48 channels of '1'. Numbers that divide all layers: 1, 2, 4, 8, 16.", message);
        Assert.Equal(2, net.BatchNormLayers().Count);
        Assert.Contains("nothing to convert", Assert.Throws<ArgumentException>("module", () => GroupNormalization.Apply(bare)).Message);
        Assert.Throws<ArgumentOutOfRangeException>("groups", () => GroupNormalization.Apply(net, 0));
    }
}
