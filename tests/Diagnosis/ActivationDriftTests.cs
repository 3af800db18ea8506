using UnetResnet.Data;
using UnetResnet.Diagnosis;
using UnetResnet.Models;
using UnetResnet.Normalization;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Diagnosis;

public class ActivationDriftTests
{
    [Fact]
    public void Drift_and_dead_channels_by_hand()
    {
        // Both channels hold −1 and 1, so in training they stay as they are. Running statistics (0, 1/4) double them; a running mean of 9 pushes the second below 0.
        using var norm = new ModalBatchNorm2d(2, new BatchNormOptions { Eps = 1e-9 }, BatchNormMode.Keras213);
        norm.RunningVar.fill_(0.25);
        norm.RunningMean[1].fill_(9);
        using var model = Sequential(("norm", norm), ("relu", ReLU()));
        using Tensor images = tensor(new[] { -1f, 1, -1, 1, 1, -1, 1, -1 }).reshape(2, 2, 2, 1);
        using Batch batch = Batch.Of(images, images);
        ActivationDrift drift = Untouched.By(model, () => ActivationDrift.Measure(model, batch));
        Assert.Equal(["relu", "output"], drift.Features.Select(f => f.Name));
        FeatureDrift relu = drift.Features[0];
        // In training both channels are 0 or 1 with two ones each; in inference the first has two twos and the second none: ‖(1, 1, −1, −1)‖ ÷ ‖(1, 1, 1, 1)‖ = 1, cosine 4 ÷ (2 · √8).
        Assert.Equal(1, relu.RelativeL2, 1e-6);
        Assert.Equal(4 / (2 * Math.Sqrt(8)), relu.Cosine, 1e-6);
        Assert.Equal((0.0, 0.5, 0.5, 0.75), (relu.DeadInTraining!.Value, relu.DeadInInference!.Value, relu.SaturatedInTraining!.Value, relu.SaturatedInInference!.Value));
        // One channel against two equal ones, centred: ‖yᵀX‖² = 2·4², ‖XᵀX‖ = 2·2… with X = ±½ in both columns and y = ±1 in one.
        double cross = 2 * 2 * 2, own = 2 * 1, other = 4;
        Assert.Equal(cross / (own * other), relu.Cka, 1e-6);
        Assert.Equal((null, null), (drift.Features[1].DeadInTraining, drift.Features[1].SaturatedInInference));
    }

    [Fact]
    public void Every_activation_block_and_skip_of_our_U_Net_is_there_in_order()
    {
        using UNetResNet50 unet = Miniature.UNet();
        using Batch batch = Miniature.Images(count: 4);
        ActivationDrift drift = Untouched.By(unet, () => ActivationDrift.Measure(unet, batch));
        Assert.Equal(49 + 10 + 1, drift.Features.Count);
        Assert.Equal([.. Enumerable.Range(1, 49).Select(i => $"encoder.activation_{i}")], drift.Features.Take(49).Select(f => f.Name));
        Assert.Equal(ResNet50Encoder.SkipTaps.Select(tap => "encoder." + tap), drift.Features.Where(f => f.IsSkip).Select(f => f.Name));
        Assert.Equal("output", drift.Features[^1].Name);
        Assert.All(drift.Features, f => Assert.InRange(f.Cosine, -1.0001, 1.0001));
        Assert.All(drift.Features, f => Assert.True(double.IsNaN(f.Cka) || f.Cka is > -1e-4 and < 1.0001, $"{f}"));
    }

    [Fact]
    public void What_is_frozen_in_inference_mode_does_not_drift()
    {
        using UNetResNet50 unet = Miniature.UNet();
        unet.SetBatchNormMode(BatchNormMode.Inference);
        using Batch batch = Miniature.Images(count: 2);
        ActivationDrift drift = ActivationDrift.Measure(unet, batch);
        Assert.All(drift.Features, f => Assert.Equal((0.0, 1.0, 1.0, f.DeadInTraining, f.SaturatedInTraining), (f.RelativeL2, f.Cosine, f.Cka, f.DeadInInference, f.SaturatedInInference)));
        Assert.StartsWith("Every feature map is the same", drift.Finding, StringComparison.Ordinal);
    }

    [Fact]
    public void Blocks_of_a_foreign_network_count_as_feature_maps()
    {
        using DenseNet dense = ForeignNetworks.DenseNet();
        using Batch batch = ForeignNetworks.Squares();
        ActivationDrift drift = Untouched.By(dense, () => ActivationDrift.Measure(dense, batch));
        Assert.Equal(
            ["dense1.0.relu", "dense1.0", "dense1.1.relu", "dense1.1", "transition.relu", "transition", "dense2.0.relu", "dense2.0", "dense2.1.relu", "dense2.1", "output"],
            drift.Features.Select(f => f.Name));
    }
}
