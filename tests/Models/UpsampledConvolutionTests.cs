using TorchSharp.Modules;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Models;

/// <summary>The decoder's fast way against the plain one: upsample, concatenate, convolve.</summary>
public class UpsampledConvolutionTests : ManyThreadsTest
{
    /// <summary>In double precision, where only a wrong formula makes a difference: both ways inside, maps of one pixel, of odd sides and of different sides, with and without a large map.</summary>
    [Theory]
    [InlineData(1, 64, 16, 16, 1, 1)] // a matrix product
    [InlineData(2, 256, 16, 16, 3, 2)] // a matrix product
    [InlineData(2, 16, 16, 16, 5, 7)] // a transposed convolution
    [InlineData(3, 32, 0, 16, 6, 4)] // a transposed convolution without a large map
    [InlineData(1, 128, 0, 16, 1, 3)] // a matrix product without a large map
    public void It_is_the_convolution_of_the_concatenation(int batch, int small, int large, int filters, int height, int width)
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        using Conv2d convolution = Conv2d(small + large, filters, 3, padding: 1, dtype: float64);
        Tensor x = randn(batch, small, height, width, float64).requires_grad_(), y = randn(batch, Math.Max(large, 1), 2 * height, 2 * width, float64).requires_grad_();
        Tensor direction = randn(batch, filters, 2 * height, 2 * width, float64);
        Tensor?[] Gradients(Func<Tensor> compute, out Tensor output)
        {
            foreach (Tensor leaf in new[] { x, y, convolution.weight!, convolution.bias! }) leaf.grad = null;
            output = compute();
            output.backward([direction]);
            return [x.grad, large > 0 ? y.grad : null, convolution.weight!.grad, convolution.bias!.grad];
        }

        Tensor?[] expected = Gradients(() =>
        {
            Tensor doubled = functional.upsample_nearest2d(x, [2 * height, 2 * width]);
            return convolution.call(large > 0 ? cat([doubled, y], dim: 1) : doubled);
        }, out Tensor plain);
        Tensor?[] actual = Gradients(() => UpsampledConvolution.Apply(convolution, ChannelsLast.Of(x), large > 0 ? ChannelsLast.Of(y) : null), out Tensor fast);

        Assert.Equal(plain.shape, fast.shape);
        Assert.True(plain.allclose(fast, 1e-10, 1e-10));
        foreach ((Tensor? wanted, Tensor? got) in expected.Zip(actual))
        {
            Assert.Equal(wanted is null, got is null);
            if (wanted is not null) Assert.True(wanted.allclose(got!, 1e-10, 1e-10));
        }
    }

    /// <summary>The whole network in float32: training with dropout from the same seed, logits and every gradient, and inference.</summary>
    [Theory]
    [InlineData(16, false, 2, 64, 64, true, 1, ConvolutionPadding.Same)]
    [InlineData(16, false, 1, 96, 160, true, 1, ConvolutionPadding.Symmetric)]
    [InlineData(16, false, 2, 32, 96, false, 1, ConvolutionPadding.Same)]
    [InlineData(16, false, 2, 64, 32, true, 5, ConvolutionPadding.Same)]
    [InlineData(32, true, 4, 128, 128, true, 1, ConvolutionPadding.Same)] // by tiles where the processor has AVX-512
    public void Logits_and_gradients_are_those_of_the_plain_decoder(int channels, bool frozen, int batch, int height, int width, bool batchNorm, int classes, ConvolutionPadding padding)
    {
        using var scope = NewDisposeScope();
        var options = new UNetOptions { Encoder = new ResNet50Options { Width = channels, Padding = padding }, DecoderBatchNorm = batchNorm, Classes = classes };
        manual_seed(2);
        using var fast = new UNetResNet50(options);
        using var plain = new UNetResNet50(options with { PlainUpsampling = true });
        Assert.Equal(plain.state_dict().Select(s => (s.Key, string.Join(',', s.Value.shape))), fast.state_dict().Select(s => (s.Key, string.Join(',', s.Value.shape))));
        if (frozen)
        {
            fast.Encoder.Freeze(BatchNormMode.Inference);
            plain.Encoder.Freeze(BatchNormMode.Inference);
        }

        Tensor images = randn(batch, 3, height, width), direction = randn(batch, classes, height, width);
        (Tensor Logits, Dictionary<string, Tensor> Gradients) Step(UNetResNet50 unet)
        {
            unet.train();
            manual_seed(3);
            Tensor logits = unet.call(images);
            logits.backward([direction]);
            return (logits, unet.named_parameters().Where(p => p.parameter.requires_grad).ToDictionary(p => p.name, p => p.parameter.grad!));
        }

        plain.load_state_dict(fast.state_dict());
        Assert.InRange(RelativeError(Step(plain).Logits, Step(fast).Logits), 0, 1e-4);

        // Gradients far from the kink of every ReLU: where rounding decides on which side a number lies, they differ by more than rounding.
        using (no_grad())
        {
            foreach (BatchNormLayer layer in BatchNormLayer.In(frozen ? fast.Decoder : fast)) layer.Bias!.fill_(6);
            foreach ((string name, Conv2d convolution) in fast.Decoder.named_modules().Where(m => m.module is Conv2d).Select(m => (m.name, (Conv2d)m.module)))
                if (!batchNorm && name != "prediction") convolution.bias!.fill_(6);
        }

        plain.load_state_dict(fast.state_dict());
        foreach (Tensor parameter in plain.parameters().Concat(fast.parameters())) parameter.grad = null;
        var (wanted, gradients) = Step(plain);
        var (got, others) = Step(fast);
        Assert.InRange(RelativeError(wanted, got), 0, 1e-4);
        // Biases before batch norm have no gradient but rounding, so that the largest gradient of the layer's kernel is the measure.
        double largest = gradients.Values.Max(g => g.abs().max().item<float>());
        foreach (string name in gradients.Keys) Assert.True((gradients[name] - others[name]).abs().max().item<float>() <= 1e-4 * largest, $"{name} {(gradients[name] - others[name]).abs().max().item<float>() / largest}");
        using (no_grad())
        {
            plain.eval();
            fast.eval();
            Assert.InRange(RelativeError(plain.call(images), fast.call(images)), 0, 1e-4);
        }
    }

    /// <summary>A network that is watched takes the plain way, so that the hook sees what the convolution takes and gives.</summary>
    [Fact]
    public void A_hook_sees_the_concatenation()
    {
        using var scope = NewDisposeScope();
        using var unet = new UNetResNet50(new UNetOptions { Encoder = new ResNet50Options { Width = 16 } });
        var convolution = (Conv2d)unet.named_modules().Single(m => m.name == "decoder.conv6_1_conv").module;
        long[] seen = [];
        Tensor without = unet.Predict(zeros(1, 3, 32, 32));
        var hook = convolution.register_forward_hook((_, input, output) =>
        {
            seen = input.shape;
            return output;
        });
        Assert.True(Hooks.On(convolution));
        Tensor with = unet.Predict(zeros(1, 3, 32, 32));
        hook.remove();

        Assert.InRange(RelativeError(without, with), 0, 1e-4);
        Assert.Equal([1, 512 + 256, 2, 2], seen);
        Assert.False(Hooks.On(convolution));
    }

    private static double RelativeError(Tensor expected, Tensor actual) => (expected - actual).abs().max().item<float>() / expected.abs().max().item<float>();
}
