using UnetResnet.Normalization;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using static UnetResnet.Normalization.BatchNormMode;

namespace UnetResnet.Tests.Normalization;

public class StillStatisticsTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void As_long_as_they_are_held_no_layer_uses_the_batch_and_what_is_trained_stays_trained(bool foreign)
    {
        using Module<Tensor, Tensor> norm = foreign ? BatchNorm2d(16) : new ModalBatchNorm2d(16);
        BatchNormLayer layer = norm.BatchNormLayers()[0].Layer;
        foreach (BatchNormMode mode in Enum.GetValues<BatchNormMode>())
        {
            layer.Mode = mode;
            // Set by hand otherwise than the mode would.
            bool byHand = !mode.TrainsAffine();
            layer.Bias!.requires_grad_(byHand);
            norm.train();
            using (new StillStatistics(norm))
            {
                Assert.Equal(mode is Trainable or AffineOnly ? AffineOnly : Inference, layer.Mode);
                Assert.Equal((!byHand, byHand), (layer.Weight!.requires_grad, layer.Bias.requires_grad));
                norm.eval();
            }

            Assert.Equal((mode, !byHand, byHand), (layer.Mode, layer.Weight!.requires_grad, layer.Bias.requires_grad));
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
