using UnetResnet.Data;
using UnetResnet.Diagnosis;
using UnetResnet.Models;
using UnetResnet.Normalization;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Diagnosis;

public class BatchSizeSensitivityTests
{
    [Fact]
    public void The_noise_of_one_layer_falls_as_sampling_says()
    {
        // Images that differ in their mean alone and alike within: the batch's mean is a sample mean of N(0, 1).
        using var model = Sequential(new ModalBatchNorm2d(1, mode: BatchNormMode.Keras213));
        manual_seed(3);
        using Tensor means = randn(64, 1, 1, 1), images = means + randn(64, 1, 8, 8) * 3, masks = zeros(64, 1, 8, 8);
        using Batch batch = Batch.Of(images, masks);
        BatchSizeSensitivity sensitivity = Untouched.By(model, () => BatchSizeSensitivity.Measure(model, batch, arrangements: 16));
        Assert.Equal([1, 2, 4, 8, 16, 32, 64], sensitivity.Points.Select(p => p.BatchSize));
        // Measured 0.99; 16 shuffles leave a few per cent of noise at every size.
        Assert.InRange(sensitivity.NoiseExponent, 0.85, 1.15);
        Assert.Equal(64, sensitivity.Points[0].Batches);
        Assert.Equal(16 * 32, sensitivity.Points[1].Batches);
        Assert.Equal((0.0, 0.0, 0.0), (sensitivity.Points[0].CompanionSpread, sensitivity.Points[^1].LogitDistance, sensitivity.Points[^1].CompanionSpread));
        // An image's own part of the batch's mean and variance does not move with the companions, so they explain less than the whole distance.
        foreach (BatchSizePoint point in sensitivity.Points.Where(p => p.BatchSize is > 1 and < 64)) Assert.InRange(point.CompanionSpread / point.LogitDistance, 0.5, 1.1);
    }

    [Fact]
    public void The_whole_batch_and_inference_are_those_of_the_gap()
    {
        using DenseNet dense = ForeignNetworks.DenseNet();
        using Batch batch = ForeignNetworks.Squares();
        BatchSizeSensitivity sensitivity = Untouched.By(dense, () => BatchSizeSensitivity.Measure(dense, batch));
        TrainEvalGap gap = TrainEvalGap.Measure(dense, batch);
        Assert.Equal((gap.TrainingLoss, gap.InferenceLoss, gap.RelativeLogitDifference), (sensitivity.Points[^1].Loss, sensitivity.InferenceLoss, sensitivity.InferenceDistance));
    }

    [Fact]
    public void In_inference_mode_the_batch_does_not_matter()
    {
        using var model = Training.Toys.Network();
        model.SetBatchNormMode(BatchNormMode.Inference);
        using Batch batch = ForeignNetworks.Squares();
        BatchSizeSensitivity sensitivity = BatchSizeSensitivity.Measure(model, batch);
        // Convolutions of other batch sizes add up in another order.
        Assert.All(sensitivity.Points, p => Assert.InRange(p.LogitDistance + p.CompanionSpread, 0, 1e-5));
    }

    [Fact]
    public void Where_one_image_has_no_variance_sizes_start_at_two()
    {
        using UNetResNet50 unet = Miniature.UNet();
        using Batch batch = ForeignNetworks.Squares(count: 6, side: 32);
        Assert.Equal([2, 4, 6], BatchSizeSensitivity.Measure(unet, batch, arrangements: 2).Points.Select(p => p.BatchSize));
        using Batch few = ForeignNetworks.Squares(count: 3, side: 32);
        Assert.Contains("at least 4 images", Assert.Throws<ArgumentException>(() => BatchSizeSensitivity.Measure(unet, few)).Message, StringComparison.Ordinal);
    }
}
