using UnetResnet.Normalization;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using static UnetResnet.Normalization.BatchNormMode;

namespace UnetResnet.Tests.Normalization;

public class StillStatisticsTests
{
    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void As_long_as_they_are_held_no_layer_uses_the_batch_and_what_is_trained_stays_trained(bool foreign, bool trainsWeight)
    {
        using Module<Tensor, Tensor> norm = foreign ? BatchNorm2d(16) : new ModalBatchNorm2d(16);
        BatchNormLayer layer = norm.BatchNormLayers()[0].Layer;
        foreach (BatchNormMode mode in Enum.GetValues<BatchNormMode>())
        {
            layer.Mode = mode;
            // Set by hand: one of the two otherwise than the mode would.
            layer.Weight!.requires_grad_(trainsWeight);
            layer.Bias!.requires_grad_(!trainsWeight);
            BatchNormMode seen = layer.Mode;
            norm.train();
            using (new StillStatistics(norm))
            {
                Assert.Equal(seen.TrainsAffine() ? AffineOnly : Inference, layer.Mode);
                Assert.Equal((trainsWeight, !trainsWeight), (layer.Weight.requires_grad, layer.Bias.requires_grad));
                norm.eval();
            }

            Assert.Equal((trainsWeight, !trainsWeight), (layer.Weight.requires_grad, layer.Bias.requires_grad));
            Assert.Equal(seen, layer.Mode);
            // Training flags are the user's.
            Assert.False(norm.training);
        }
    }

    [Fact]
    public void A_layer_without_running_statistics_is_left_alone()
    {
        using var norm = BatchNorm2d(16, track_running_stats: false);
        using (new StillStatistics(norm)) Assert.Equal(Trainable, norm.BatchNormLayers()[0].Layer.Mode);
        Assert.Equal(Trainable, norm.BatchNormLayers()[0].Layer.Mode);
    }

    [Fact]
    public void A_layer_without_parameters_can_be_held()
    {
        using var norm = BatchNorm2d(16, affine: false);
        using (new StillStatistics(norm)) Assert.Equal(AffineOnly, norm.BatchNormLayers()[0].Layer.Mode);
        Assert.Equal(Trainable, norm.BatchNormLayers()[0].Layer.Mode);
    }
}
