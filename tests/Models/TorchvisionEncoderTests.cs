using TorchSharp.Modules;
using UnetResnet.Models;
using UnetResnet.Normalization;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Models;

/// <summary>The second architecture of the encoder; its outputs are compared with PyTorch's in <c>EncoderOutputsTests</c>.</summary>
public class TorchvisionEncoderTests
{
    private static readonly ResNet50Options Narrow = ResNet50Options.Torchvision with { Width = 16 };

    [Fact]
    public void Width_64_has_the_parameters_of_torchvision()
    {
        using var encoder = new ResNet50Encoder(ResNet50Options.Torchvision);
        Assert.Equal(23_508_032, encoder.parameters().Sum(p => p.numel()));
        Assert.Equal(53_120, encoder.buffers().Sum(b => b.numel()));
    }

    [Fact]
    public void The_top_makes_the_25557032_that_torchvision_documents()
    {
        using var encoder = new ResNet50Encoder(ResNet50Options.Torchvision with { IncludeTop = true });
        Assert.Equal(25_557_032, encoder.parameters().Sum(p => p.numel()));
    }

    [Fact]
    public void Convolutions_have_no_biases_and_the_stride_sits_on_the_3x3()
    {
        using var keras = new ResNet50Encoder(new ResNet50Options { Width = 16 });
        using var encoder = new ResNet50Encoder(Narrow);
        // The names stay Keras's, in Keras's order.
        Assert.Equal(keras.named_modules().Select(m => m.name), encoder.named_modules().Select(m => m.name));
        Assert.All(encoder.modules().OfType<Conv2d>(), c => Assert.Null(c.bias));
        Assert.All(encoder.BatchNormLayers(), l => Assert.Equal(1e-5, l.Layer.Options.Eps));
        string[] strided = [.. encoder.named_modules().Where(m => m.module is Conv2d { stride: [2, 2] }).Select(m => m.name)];
        Assert.Equal(["conv1", "res3a_branch2b", "res4a_branch2b", "res5a_branch2b"], strided);
    }

    [Theory]
    [InlineData(64, 96)]
    [InlineData(75, 33)]
    public void The_contract_of_the_features_is_the_same(int height, int breadth)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var keras = new ResNet50Encoder(new ResNet50Options { Width = 16 });
        using var encoder = new ResNet50Encoder(Narrow);
        Tensor images = zeros(2, 3, height, breadth);
        Assert.Equal(keras.Features(images).Select(f => string.Join('x', f.shape)), encoder.Features(images).Select(f => string.Join('x', f.shape)));
        Assert.Equal(keras.FeatureChannels, encoder.FeatureChannels);
    }

    /// <summary>The two networks are not the same one: with equal numbers, the first outputs agree and those behind the first stride do not.</summary>
    [Fact]
    public void With_the_weights_of_Keras_the_features_would_be_wrong()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var keras = new ResNet50Encoder(Narrow with { Architecture = ResNet50Architecture.Keras });
        using var encoder = new ResNet50Encoder(Narrow);
        KeyedNumbers.Fill(keras);
        KeyedNumbers.Fill(encoder);
        foreach (Conv2d convolution in keras.modules().OfType<Conv2d>()) convolution.bias!.zero_();
        keras.eval();
        encoder.eval();
        Tensor images = randn(1, 3, 64, 64);
        double[] differences = [.. keras.Features(images).Zip(encoder.Features(images), (a, b) => (double)((a - b).abs().max() / a.abs().max()).item<float>())];
        Assert.All(differences[..2], d => Assert.InRange(d, 0, 1e-5));
        Assert.All(differences[2..], d => Assert.InRange(d, 1e-2, 10));
    }

    /// <summary>A strided 1×1 convolution would end the process in the backward pass on some CPUs.</summary>
    [Fact]
    public void A_training_step_gives_finite_gradients_everywhere()
    {
        using var scope = NewDisposeScope();
        using var unet = new UNetResNet50(new UNetOptions { Encoder = Narrow });
        unet.train();
        unet.call(randn(2, 3, 64, 64)).square().mean().backward();
        Assert.All(unet.Encoder.named_parameters(), p => Assert.True(p.parameter.grad is { } gradient && gradient.isfinite().all().item<bool>(), p.name));
    }

    [Fact]
    public void It_freezes_and_folds_like_the_other()
    {
        using var scope = NewDisposeScope();
        using var unet = new UNetResNet50(new UNetOptions { Encoder = Narrow });
        KeyedNumbers.Fill(unet);
        unet.Encoder.Freeze(BatchNormMode.Inference);
        unet.train();
        string before = ModuleState.Describe(unet);
        Tensor images = randn(2, 3, 64, 64);
        FoldingReport report = Folding.Apply(unet, images, unet.Encoder);
        Assert.Equal(53, report.Folded.Count);
        Assert.InRange(report.LargestRelativeError, 0, 1e-4);
        Assert.NotEqual(before, ModuleState.Describe(unet));
        Assert.Equal(53, Folding.Undo(unet));
        Assert.Equal(before, ModuleState.Describe(unet));
    }

    public static TheoryData<ResNet50Options, string, string[]> Forbidden { get; } = new()
    {
        { new() { Architecture = ResNet50Architecture.Torchvision }, "Padding", ["Same", "ResNet50Options.Torchvision"] },
        { new() { Architecture = (ResNet50Architecture)7 }, "Architecture", ["7", "Keras, Torchvision"] },
    };

    [Theory]
    [MemberData(nameof(Forbidden))]
    public void Forbidden_combinations_are_named(ResNet50Options options, string parameter, string[] parts)
    {
        var e = Assert.ThrowsAny<ArgumentException>(() => options.Validate());
        Assert.Equal(parameter, e.ParamName);
        Assert.All(parts, part => Assert.Contains(part, e.Message));
    }
}
