using UnetResnet.Models;
using UnetResnet.Normalization;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Models;

public class UNetResNet50Tests : ManyThreadsTest
{
    private static UNetResNet50 Small() => new(new UNetOptions { Encoder = new ResNet50Options { Width = 16 } });

    [Theory]
    [InlineData(64)]
    [InlineData(16)]
    public void Parameters_are_those_of_the_layers(int width)
    {
        using var unet = new UNetResNet50(new UNetOptions { Encoder = new ResNet50Options { Width = width } });
        // From the architecture: k·k·in·out + out of a convolution, 4 per channel of a batch norm.
        long Block(long size, long inputs, long outputs) => size * size * inputs * outputs + outputs + 4 * outputs;
        long w = width, expected = Block(7, 3, w), channels = w;
        foreach ((int blocks, long inner) in new[] { (3, w), (4, 2 * w), (6, 4 * w), (3, 8 * w) })
        {
            expected += Block(1, channels, 4 * inner);
            for (int b = 0; b < blocks; b++, channels = 4 * inner) expected += Block(1, channels, inner) + Block(3, inner, inner) + Block(1, inner, 4 * inner);
        }

        Assert.Equal(expected, Count(unet.Encoder));
        long[] filters = width == 64 ? [256, 192, 128, 64, 32] : [64, 48, 32, 16, 16], skips = [16 * w, 8 * w, 4 * w, w, 0];
        for (int stage = 0; stage < 5; stage++, channels = filters[stage - 1])
            expected += Block(3, channels + skips[stage], filters[stage]) + Block(3, filters[stage], filters[stage]);
        expected += filters[^1] + 1;

        Assert.Equal(expected, Count(unet));
        if (width == 64) Assert.Equal(33_759_713, expected);
    }

    [Fact]
    public void State_keys_begin_with_encoder_or_decoder()
    {
        using var unet = Small();
        var keys = unet.state_dict().Keys;
        // 318 of the encoder; ten blocks of a convolution (2) and a batch norm (4), and the prediction.
        Assert.Equal(318, keys.Count(k => k.StartsWith("encoder.", StringComparison.Ordinal)));
        Assert.Equal(62, keys.Count(k => k.StartsWith("decoder.", StringComparison.Ordinal)));
        Assert.Equal(380, keys.Count);
        // Nothing is registered a second time under another name when the U-Net takes its halves in.
        using var encoder = new ResNet50Encoder(unet.Options.Encoder);
        using var decoder = new UNetDecoder(unet.Options);
        Assert.Equal(encoder.named_modules().Select(m => m.name), unet.Encoder.named_modules().Select(m => m.name));
        Assert.Equal(decoder.named_modules().Select(m => m.name), unet.Decoder.named_modules().Select(m => m.name));
        Assert.Equal(encoder.state_dict().Keys, unet.Encoder.state_dict().Keys);
        Assert.Equal(decoder.state_dict().Keys, unet.Decoder.state_dict().Keys);
        Assert.Equal(53 + 10, unet.BatchNormLayers().Count);
        Assert.Contains("encoder.bn5c_branch2c.running_mean", keys);
        Assert.Contains("decoder.conv10_2_bn.running_var", keys);
    }

    [Theory]
    [InlineData(100, 64, "height is 100", "96 or 128")]
    [InlineData(64, 225, "width is 225", "224 or 256")]
    [InlineData(20, 64, "height is 20", "32.")]
    public void Sides_must_be_divisible_by_32_and_the_message_names_the_next(int height, int width, string what, string next)
    {
        using var scope = NewDisposeScope();
        using var unet = Small();
        var e = Assert.Throws<ArgumentException>(() => unet.call(zeros(1, 3, height, width)));
        Assert.Contains(what, e.Message);
        Assert.Contains(next, e.Message);
        Assert.Contains("divisible by 32", e.Message);
    }

    [Fact]
    public void Predict_is_the_sigmoid_in_inference_mode()
    {
        using var scope = NewDisposeScope();
        manual_seed(2);
        using var unet = Small();
        KeyedNumbers.Fill(unet);
        Tensor images = randn(2, 3, 64, 96);

        Tensor prediction = unet.Predict(images);

        unet.eval();
        using var noGrad = no_grad();
        Assert.Equal([2, 1, 64, 96], prediction.shape);
        Assert.False(prediction.requires_grad);
        Assert.InRange(prediction.min().item<float>(), 0, 0.5);
        Assert.InRange(prediction.max().item<float>(), 0.5, 1);
        Assert.True(prediction.equal(sigmoid(unet.call(images))).all().item<bool>());
    }

    [Fact]
    public void One_image_without_a_batch_dimension_is_refused_by_its_shape()
    {
        using var scope = NewDisposeScope();
        using var unet = Small();
        string message = Assert.Throws<ArgumentException>(() => unet.call(zeros(3, 64, 64))).Message;
        Assert.Contains("(N, 3, H, W)", message);
        Assert.Contains("(3, 64, 64)", message);
    }

    [Fact]
    public void Predict_of_several_classes_is_the_softmax_over_them()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var unet = new UNetResNet50(new UNetOptions { Encoder = new ResNet50Options { Width = 16 }, Classes = 3 });
        KeyedNumbers.Fill(unet);
        Tensor images = KeyedNumbers.Of("images", [2, 3, 32, 64], 0, 1), prediction = unet.Predict(images);
        unet.eval();
        Tensor powers = unet.call(images).exp();
        Assert.Equal([2, 3, 32, 64], prediction.shape);
        Assert.True(prediction.allclose(powers / (powers[.., ..1] + powers[.., 1..2] + powers[.., 2..]), rtol: 1e-4, atol: 1e-6));
    }

    [Fact]
    public void Predict_puts_everything_back()
    {
        using var scope = NewDisposeScope();
        using var unet = Small();
        unet.Encoder.Freeze(BatchNormMode.Keras213);
        unet.train();
        Module inner = unet.named_modules().Single(m => m.name == "decoder.spatial_dropout2d").module;
        inner.eval();
        // Frozen by hand, against the mode's own opinion.
        var byHand = unet.Decoder.BatchNormLayers()[0].Layer;
        byHand.Weight!.requires_grad_(false);
        string before = ModuleState.Describe(unet);

        unet.Predict(randn(1, 3, 32, 32)).Dispose();
        Assert.Equal(before, ModuleState.Describe(unet));
        Assert.Throws<ArgumentException>(() => unet.Predict(zeros(1, 3, 33, 32)));
        Assert.Equal(before, ModuleState.Describe(unet));
        Assert.False(inner.training);
        Assert.True(unet.training);
    }

    /// <summary>
    /// The 1×1 convolutions of stride 2 in front of every stage, whose backward pass kills the process (SIGFPE in oneDNN) at this width on some CPUs.
    /// </summary>
    [Fact]
    public void Strided_shortcuts_train_at_full_width()
    {
        using var scope = NewDisposeScope();
        manual_seed(4);
        using var unet = new UNetResNet50();
        unet.train();
        using var optimizer = optim.SGD(unet.parameters(), 1e-3);
        Tensor images = randn(2, 3, 64, 64), masks = images.mean([1], keepdim: true).gt(0).to(float32);
        var losses = new List<float>();
        for (int step = 0; step < 2; step++)
        {
            using var stepScope = NewDisposeScope();
            optimizer.zero_grad();
            Tensor loss = functional.binary_cross_entropy_with_logits(unet.call(images), masks);
            loss.backward();
            optimizer.step();
            losses.Add(loss.item<float>());
        }

        Assert.All(losses, loss => Assert.True(float.IsFinite(loss)));
        foreach ((string name, var parameter) in unet.named_parameters())
        {
            Assert.True(parameter.grad is not null, $"{name} has no gradient");
            Assert.True(parameter.grad!.isfinite().all().item<bool>(), $"the gradient of {name} is not finite");
        }

        foreach (string block in new[] { "res3a_branch1", "res3a_branch2a", "res4a_branch1", "res4a_branch2a", "res5a_branch1", "res5a_branch2a" })
            Assert.True(unet.get_parameter($"encoder.{block}.weight")!.grad!.abs().max().item<float>() > 0, block);
    }

    [Fact]
    public void Without_batch_norm_the_decoder_has_no_statistics()
    {
        using var unet = new UNetResNet50(new UNetOptions { Encoder = new ResNet50Options { Width = 16 }, DecoderBatchNorm = false });
        Assert.Empty(unet.Decoder.buffers());
        Assert.Empty(unet.Decoder.BatchNormLayers());
        using var scope = NewDisposeScope();
        using Tensor logits = unet.call(zeros(1, 3, 64, 64));
        Assert.Equal([1, 1, 64, 64], logits.shape);
    }

    private static long Count(Module module) => module.parameters().Concat(module.buffers()).Sum(t => t.numel());
}
