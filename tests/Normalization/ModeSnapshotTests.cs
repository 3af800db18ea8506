using UnetResnet.Normalization;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Normalization;

public class ModeSnapshotTests
{
    [Fact]
    public void Mixed_flags_and_modes_come_back()
    {
        using var first = new ModalBatchNorm2d(16, mode: BatchNormMode.Keras213);
        using var second = new ModalBatchNorm2d(16, mode: BatchNormMode.AffineOnly);
        using var third = new ModalBatchNorm2d(16);
        Module<Tensor, Tensor> inner = Sequential(first, Dropout2d(0.5));
        using Module<Tensor, Tensor> net = Sequential(inner, second, third, ReLU());
        net.train();
        inner.eval();
        first.train();
        third.eval();
        bool[] flags = Flags(net);
        Assert.Contains(true, flags);
        Assert.Contains(false, flags);

        using (new ModeSnapshot(net))
        {
            net.eval();
            net.SetBatchNormMode(BatchNormMode.BatchOnly);
            Assert.DoesNotContain(true, Flags(net));
        }

        Assert.Equal(flags, Flags(net));
        Assert.Equal((BatchNormMode.Keras213, BatchNormMode.AffineOnly, BatchNormMode.Trainable), (first.Mode, second.Mode, third.Mode));
        Assert.Equal((false, true, true), (first.Weight.requires_grad, second.Weight.requires_grad, third.Weight.requires_grad));
    }

    [Fact]
    public void Parameters_frozen_by_hand_stay_frozen()
    {
        using var layer = new ModalBatchNorm2d(16);
        layer.Weight.requires_grad_(false);
        using (new ModeSnapshot(layer))
        {
        }

        Assert.Equal((false, true), (layer.Weight.requires_grad, layer.Bias.requires_grad));
        using (new ModeSnapshot(layer)) layer.Mode = BatchNormMode.AffineOnly;
        Assert.Equal((BatchNormMode.Trainable, false, true), (layer.Mode, layer.Weight.requires_grad, layer.Bias.requires_grad));

        layer.Weight.requires_grad_(true);
        layer.Bias.requires_grad_(false);
        using (new ModeSnapshot(layer)) layer.Mode = BatchNormMode.AffineOnly;
        Assert.Equal((BatchNormMode.Trainable, true, false), (layer.Mode, layer.Weight.requires_grad, layer.Bias.requires_grad));
    }

    private static bool[] Flags(Module module) => [module.training, .. module.named_modules().Select(m => m.module.training)];
}
