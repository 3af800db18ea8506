using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using static UnetResnet.Normalization.BatchNormMode;

namespace UnetResnet.Tests.Normalization;

public class FreezingTests
{
    /// <summary>Mode; whether training moves the buffers; whether it moves γ and β.</summary>
    public static TheoryData<BatchNormMode, bool, bool> FrozenModes => new()
    {
        { Inference, false, false },
        { Keras213, false, false },
        { BatchOnly, false, false },
        { AffineOnly, false, true },
        { KerasLegacy, true, false },
        { TorchFrozenParameters, true, false },
    };

    [Theory]
    [MemberData(nameof(FrozenModes))]
    public void Freezing_survives_train_and_optimiser_steps(BatchNormMode mode, bool movesBuffers, bool trainsAffine)
    {
        using UNetResNet50 unet = SmallUNet();
        unet.Encoder.Freeze(mode);
        var encoder = Numbers.State(unet.Encoder);
        var decoder = Numbers.State(unet.Decoder);
        // An optimiser over everything: what is frozen must hold even where nobody filtered the parameters.
        using var optimizer = optim.Adam(unet.parameters(), 1e-2);

        unet.train();
        Step(unet, optimizer);
        Step(unet, optimizer);
        unet.eval();
        unet.train();
        Step(unet, optimizer);

        string[] changed = Numbers.Changed(encoder, Numbers.State(unet.Encoder));
        string[] norms = [.. unet.Encoder.BatchNormLayers().Select(l => l.Name)];
        Assert.Equal(53, norms.Length);
        IEnumerable<string> expected = [
            .. movesBuffers ? norms.SelectMany(name => new[] { $"{name}.running_mean", $"{name}.running_var" }) : [],
            .. trainsAffine ? norms.SelectMany(name => new[] { $"{name}.weight", $"{name}.bias" }) : []];
        Assert.Equal(expected.Order(), changed.Order());
        Assert.Equal(decoder.Count, Numbers.Changed(decoder, Numbers.State(unet.Decoder)).Length);
        Assert.All(unet.Encoder.BatchNormLayers(), l => Assert.Equal(mode, l.Layer.Mode));
    }

    [Fact]
    public void Unfreezing_restores()
    {
        using UNetResNet50 unet = SmallUNet();
        unet.Encoder.Freeze(Inference);
        Assert.DoesNotContain(unet.Encoder.parameters(), p => p.requires_grad);
        Assert.DoesNotContain(unet.Decoder.parameters(), p => !p.requires_grad);

        unet.Encoder.Unfreeze();
        Assert.DoesNotContain(unet.parameters(), p => !p.requires_grad);
        Assert.All(unet.BatchNormLayers(), l => Assert.Equal(Trainable, l.Layer.Mode));
        var before = Numbers.State(unet.Encoder);
        using var optimizer = optim.Adam(unet.parameters(), 1e-2);
        unet.train();
        Step(unet, optimizer);
        string[] changed = Numbers.Changed(before, Numbers.State(unet.Encoder));
        Assert.Contains("conv1.weight", changed);
        Assert.Contains("bn5c_branch2c.running_var", changed);
        Assert.Contains("bn5c_branch2c.weight", changed);
    }

    [Fact]
    public void Only_the_module_named_is_frozen()
    {
        using UNetResNet50 unet = SmallUNet();
        unet.Encoder.Freeze(Keras213);
        Assert.All(unet.Encoder.BatchNormLayers(), l => Assert.Equal(Keras213, l.Layer.Mode));
        Assert.All(unet.Decoder.BatchNormLayers(), l => Assert.Equal(Trainable, l.Layer.Mode));
    }

    [Fact]
    public void A_mode_alone_leaves_other_parameters_as_they_are()
    {
        using Module<Tensor, Tensor> net = Net(new ModalBatchNorm2d(16));
        net.SetBatchNormMode(Inference);
        Assert.Equal(["0.bias", "0.weight"], net.named_parameters().Where(p => p.parameter.requires_grad).Select(p => p.name).Order());
    }

    [Fact]
    public void A_single_layer_is_a_module_too()
    {
        using var layer = new ModalBatchNorm2d(16);
        layer.Freeze(AffineOnly);
        Assert.Equal(AffineOnly, layer.Mode);
        Assert.True(layer.Weight.requires_grad);
        (string name, BatchNormLayer found) = Assert.Single(layer.BatchNormLayers());
        Assert.Equal("", name);
        Assert.Same(layer, found.Module);
    }

    [Fact]
    public void Frozen_layers_of_the_other_kind_are_welcome()
    {
        using var modal = new ModalBatchNorm2d(16);
        using Module<Tensor, Tensor> net = Net(FrozenBatchNorm2d.From(modal));
        net.Freeze(Inference);
        Assert.DoesNotContain(net.parameters(), p => p.requires_grad);
    }

    [Fact]
    public void Freezing_as_trainable_is_a_contradiction()
    {
        using var layer = new ModalBatchNorm2d(16);
        string message = Assert.Throws<ArgumentException>("mode", () => layer.Freeze(Trainable)).Message;
        Assert.Contains("Unfreeze()", message);
        Assert.Contains("AffineOnly", message);
        Assert.True(layer.Weight.requires_grad);
    }

    [Fact]
    public void An_unknown_mode_changes_nothing()
    {
        using Module<Tensor, Tensor> net = Net(new ModalBatchNorm2d(16));
        Assert.Throws<ArgumentOutOfRangeException>("mode", () => net.Freeze((BatchNormMode)99));
        Assert.DoesNotContain(net.parameters(), p => !p.requires_grad);
    }

    [Fact]
    public void Where_one_layer_cannot_take_the_mode_none_does()
    {
        using Module<Tensor, Tensor> net = Sequential(new ModalBatchNorm2d(16), BatchNorm2d(16, track_running_stats: false));
        Assert.Contains("'1' keeps no running statistics", Assert.Throws<ArgumentException>("mode", () => net.SetBatchNormMode(Inference)).Message);
        Assert.Throws<ArgumentException>("mode", () => net.Freeze(Inference));
        Assert.Throws<ArgumentException>("mode", () => net.Unfreeze(AffineOnly));
        Assert.All(net.BatchNormLayers(), l => Assert.Equal(Trainable, l.Layer.Mode));
        Assert.DoesNotContain(net.parameters(), p => !p.requires_grad);
    }

    private static UNetResNet50 SmallUNet()
    {
        TorchRuntime.Seed(0);
        return new UNetResNet50(new UNetOptions { Encoder = new ResNet50Options { Width = 16 } });
    }

    private static Module<Tensor, Tensor> Net(Module<Tensor, Tensor> norm) => Sequential(Conv2d(3, 16, 1), norm, ReLU());

    private static void Step(UNetResNet50 unet, optim.Optimizer optimizer)
    {
        using var scope = NewDisposeScope();
        optimizer.zero_grad();
        unet.call(rand(2, 3, 32, 32)).square().mean().backward();
        optimizer.step();
    }
}
