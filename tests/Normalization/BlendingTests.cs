using UnetResnet.Normalization;
using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Normalization;

public class BlendingTests
{
    [Fact]
    public void Without_a_pseudo_count_the_target_with_an_infinite_one_the_source()
    {
        using var scope = NewDisposeScope();
        using Module<Tensor, Tensor> net = Net();
        Tensor[] images = [rand(4, 3, 8, 8), rand(3, 3, 8, 8)];
        var source = Numbers.State(net);
        Recalibration.Apply(net, images);
        var target = Numbers.State(net);
        Recalibration.Undo(net);
        Assert.Empty(Numbers.Changed(source, Numbers.State(net)));

        Assert.Equal(7, Recalibration.Apply(net, images, new RecalibrationOptions { PseudoCount = 0 }));
        Assert.Empty(Numbers.Changed(target, Numbers.State(net)));
        Recalibration.Undo(net);
        Recalibration.Apply(net, images, new RecalibrationOptions { PseudoCount = double.PositiveInfinity });
        Assert.Empty(Numbers.Changed(source, Numbers.State(net)));
        // 10^12 images against 7: the source up to float32's rounding.
        float[] wanted = [.. net.BatchNormLayers().SelectMany(l => l.Layer.RunningVar.Values())];
        Recalibration.Apply(net, images, new RecalibrationOptions { PseudoCount = 1e12 });
        float[] found = [.. net.BatchNormLayers().SelectMany(l => l.Layer.RunningVar.Values())];
        for (int i = 0; i < wanted.Length; i++) Assert.Equal(wanted[i], found[i], 1e-6);
    }

    [Fact]
    public void Between_them_the_images_vote()
    {
        using var scope = NewDisposeScope();
        using var layer = new ModalBatchNorm2d(1);
        using (no_grad())
        {
            layer.RunningMean.fill_(10);
            layer.RunningVar.fill_(4);
        }

        // Two images of ±1 around 4, mean 4 and variance 1; the old statistics count as six: (6·10 + 2·4) / 8 and (6·4 + 2·1) / 8.
        Assert.Equal(2, Recalibration.Apply(layer, [tensor([3f, 5, 5, 3], [2, 1, 2, 1])], new RecalibrationOptions { PseudoCount = 6 }));
        Assert.Equal(8.5f, layer.RunningMean.item<float>());
        Assert.Equal(3.25f, layer.RunningVar.item<float>());
    }

    [Fact]
    public void Statistics_that_are_no_numbers_are_replaced_and_old_ones_come_back_over_them()
    {
        using var scope = NewDisposeScope();
        using var layer = new ModalBatchNorm2d(1);
        using (no_grad()) layer.RunningMean.fill_(float.NaN);
        Tensor images = tensor([3f, 5, 5, 3], [2, 1, 2, 1]);
        Recalibration.Apply(layer, [images]);
        Assert.Equal(4f, layer.RunningMean.item<float>());

        Recalibration.Undo(layer);
        Recalibration.Reset(layer);
        Recalibration.Apply(layer, [images * float.PositiveInfinity]);
        Assert.True(float.IsNaN(layer.RunningVar.item<float>()));
        Recalibration.Undo(layer);
        Assert.Equal(1f, layer.RunningVar.item<float>());
    }

    [Fact]
    public void What_cannot_be_blended_is_refused()
    {
        using var scope = NewDisposeScope();
        using Module<Tensor, Tensor> net = Net(), bare = Sequential(Conv2d(3, 16, 1));
        Assert.Throws<ArgumentOutOfRangeException>("PseudoCount", () => new RecalibrationOptions { PseudoCount = -1 });
        Assert.Throws<ArgumentOutOfRangeException>("PseudoCount", () => new RecalibrationOptions { PseudoCount = double.NaN });
        Assert.Contains("with running statistics", Assert.Throws<ArgumentException>("module", () => Recalibration.Reset(bare)).Message);
        Assert.Equal(0, Recalibration.Undo(net));
    }

    private static Module<Tensor, Tensor> Net()
    {
        TorchRuntime.Seed(0);
        return Sequential(Conv2d(3, 16, 3), new ModalBatchNorm2d(16), ReLU(), Conv2d(16, 16, 3), new ModalBatchNorm2d(16));
    }
}
