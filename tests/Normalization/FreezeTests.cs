using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using UnetResnet.Tests.Models;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Normalization;

public class FreezeTests
{
    [Fact]
    public void The_encoder_is_frozen_by_name_and_the_report_counts()
    {
        using UNetResNet50 unet = UNet();
        FreezeReport report = unet.Freeze(InEncoder, BatchNormMode.Inference);
        long encoder = unet.Encoder.parameters().Sum(p => p.numel()), decoder = unet.Decoder.parameters().Sum(p => p.numel());
        Assert.Equal((encoder, 0L, decoder, BatchNormMode.Inference), (report.Frozen, report.Trained, report.TrainedElsewhere, report.Mode));
        Assert.Equal(53, report.Layers.Count);
        Assert.Equal("encoder.bn_conv1", report.Layers[0]);
        Assert.Equal($"{encoder:N0} numbers frozen, 0 trained ({decoder:N0} elsewhere); 53 batch-norm layers in mode Inference.", report.ToString());

        using UNetResNet50 other = UNet();
        other.Encoder.Freeze(BatchNormMode.Inference);
        Assert.Equal(ModuleState.Describe(other).Split('\n').Where(line => !line.Contains('.')), ModuleState.Describe(unet).Split('\n').Where(line => !line.Contains('.')));
        Assert.Equal(other.named_parameters().Select(p => p.parameter.requires_grad), unet.named_parameters().Select(p => p.parameter.requires_grad));
    }

    [Fact]
    public void Unfreezing_is_the_mirror_image()
    {
        using UNetResNet50 unet = UNet();
        string before = ModuleState.Describe(unet);
        unet.Encoder.Freeze(BatchNormMode.Keras213);
        Assert.NotEqual(before, ModuleState.Describe(unet));
        FreezeReport report = unet.Encoder.Unfreeze();
        Assert.Equal(before, ModuleState.Describe(unet));
        Assert.Equal(0, report.Frozen);
    }

    [Fact]
    public void Affine_only_trains_twice_the_channels()
    {
        using UNetResNet50 unet = UNet();
        // 26,560 channels at width 64, a quarter of them here; γ and β each.
        FreezeReport report = unet.Freeze(InEncoder, BatchNormMode.AffineOnly);
        Assert.Equal(2 * 26_560 / 4, report.Trained);
        // Everything is trained, and the statistics still stay.
        report = unet.Unfreeze(InEncoder, BatchNormMode.AffineOnly);
        Assert.Equal(0, report.Frozen);
        Assert.All(unet.Encoder.BatchNormLayers(), l => Assert.Equal(BatchNormMode.AffineOnly, l.Layer.Mode));
    }

    [Fact]
    public void A_prefix_is_a_name_not_a_beginning()
    {
        using Module<TorchSharp.torch.Tensor, TorchSharp.torch.Tensor> net = Sequential(("a", Conv2d(3, 16, 1)), ("ab", new ModalBatchNorm2d(16)), ("b", Conv2d(16, 16, 1)));
        FreezeReport report = net.Freeze(name => DottedName.IsIn(name, "a"), BatchNormMode.Inference);
        Assert.Empty(report.Layers);
        Assert.Equal(["ab.bias", "ab.weight", "b.bias", "b.weight"], Wanted(net));
        net.Freeze(name => name.StartsWith("ab", StringComparison.Ordinal) || name == "b.weight", BatchNormMode.Inference);
        Assert.Equal(["b.bias"], Wanted(net));
        net.Unfreeze(name => DottedName.IsIn(name, "ab"));
        Assert.Equal(["ab.bias", "ab.weight", "b.bias"], Wanted(net));
        net.Unfreeze();
        Assert.Equal(6, Wanted(net).Length);
    }

    [Fact]
    public void A_name_that_is_not_there_is_an_error_with_the_names_that_are()
    {
        using UNetResNet50 unet = UNet();
        Assert.Contains("Its children are encoder, decoder.", Assert.Throws<ArgumentException>("which", () => unet.Freeze(name => name.StartsWith("backbone", StringComparison.Ordinal), BatchNormMode.Inference)).Message);
        Assert.Contains("chose none", Assert.Throws<ArgumentException>("which", () => unet.Decoder.Unfreeze(InEncoder)).Message);
        Assert.Throws<ArgumentException>("mode", () => unet.Encoder.Freeze(BatchNormMode.Trainable));
        Assert.DoesNotContain(unet.parameters(), p => !p.requires_grad);
    }

    [Fact]
    public void A_layer_without_parameters_can_be_chosen_and_nothing_cannot()
    {
        using Module<TorchSharp.torch.Tensor, TorchSharp.torch.Tensor> net = Sequential(("a", BatchNorm2d(16, affine: false)), ("b", BatchNorm2d(16, affine: false)));
        FreezeReport report = net.Freeze(name => name == "b", BatchNormMode.Inference);
        Assert.Equal([BatchNormMode.Trainable, BatchNormMode.Inference], net.BatchNormLayers().Select(l => l.Layer.Mode));
        Assert.Equal("0 numbers frozen, 0 trained; 1 batch-norm layer in mode Inference.", report.ToString());
        Assert.Throws<ArgumentNullException>("which", () => net.Freeze(null!, BatchNormMode.Inference));
        Assert.Throws<ArgumentNullException>("which", () => net.Unfreeze(null!));
    }

    private static bool InEncoder(string name) => DottedName.IsIn(name, "encoder");

    private static UNetResNet50 UNet() => new(new UNetOptions { Encoder = new ResNet50Options { Width = 16 } });

    private static string[] Wanted(Module net) => [.. net.named_parameters().Where(p => p.parameter.requires_grad).Select(p => p.name).Order()];
}
