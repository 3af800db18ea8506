using UnetResnet.Data;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using UnetResnet.Tests.Normalization;
using UnetResnet.Training;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Training;

/// <summary>
/// What the kit is about, in a second and without pre-trained weights: a random encoder whose running statistics were counted on other images than those
/// that its U-Net is trained on. The decoder has no batch norm and there is no dropout, so that the encoder's layers are the only difference between
/// training and inference.
/// </summary>
public sealed class CollapseInMiniatureTests : IDisposable
{
    private readonly int threads = get_num_threads();

    /// <summary>Small tensors are fastest on one thread, on a busy machine by far.</summary>
    public CollapseInMiniatureTests() => TorchRuntime.Initialize(threads: 1);

    public void Dispose() => TorchRuntime.Initialize(threads: threads);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Trained_on_batch_statistics_it_collapses_in_inference_and_recalibration_repairs_it(int seed)
    {
        using UNetResNet50 unet = WithForeignStatistics(seed);
        BatchLoader images = Images(seed);
        unet.Encoder.Freeze(BatchNormMode.Keras213);
        var encoder = Numbers.State(unet.Encoder);
        Train(unet, images);
        Assert.Empty(Numbers.Changed(encoder, Numbers.State(unet.Encoder)));

        // Measured over the three seeds: training 0.04 to 0.11 at IoU 0.77 to 0.89, inference 3.7 to 8.3 at IoU below 0.02, recalibrated 0.04 to 0.14 at IoU 0.68 to 0.89.
        double training = LossInTrainingMode(unet, images);
        Score inference = Trainer.Score(unet, images);
        Assert.True(training < 0.25, $"training {training}");
        Assert.True(inference.Loss > 10 * training, $"inference {inference.Loss}, training {training}");
        Assert.True(inference.IoU < 0.2, $"{inference}");

        // Nothing but the encoder's statistics is to blame: with those of the batch, inference is training, bit for bit.
        unet.Encoder.SetBatchNormMode(BatchNormMode.BatchOnly);
        Assert.Equal(training, Trainer.Score(unet, images).Loss);
        unet.Encoder.SetBatchNormMode(BatchNormMode.Keras213);

        Recalibration.Apply(unet.Encoder, images.Inputs());
        Score repaired = Trainer.Score(unet, images);
        Assert.True(Math.Abs(repaired.Loss - training) < 0.05 * (inference.Loss - training), $"repaired {repaired.Loss}, training {training}, inference {inference.Loss}");
        Assert.True(repaired.IoU > inference.IoU + 0.4, $"{repaired}");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Frozen_in_inference_mode_training_and_inference_are_one_function(int seed)
    {
        using UNetResNet50 unet = WithForeignStatistics(seed);
        BatchLoader images = Images(seed);
        unet.Encoder.Freeze(BatchNormMode.Inference);
        TrainingHistory history = Train(unet, images);
        Assert.Equal(LossInTrainingMode(unet, images), Trainer.Score(unet, images).Loss);
        // And not because nothing was learnt: that function is another one than at the start.
        Assert.True(history.Last.Training.Loss < 0.8 * history[0].Training.Loss, $"{history[0]} {history.Last}");
    }

    private static UNetResNet50 WithForeignStatistics(int seed)
    {
        TorchRuntime.Seed(seed);
        var unet = new UNetResNet50(new UNetOptions { Encoder = new ResNet50Options { Width = 16 }, DecoderBatchNorm = false, SpatialDropout = 0 });
        using var scope = NewDisposeScope();
        Tensor patches = nn.functional.upsample_nearest2d(randn(32, 3, 4, 4) * 64 + 40, [32, 32]);
        Recalibration.Apply(unet.Encoder, patches.split(16));
        return unet;
    }

    /// <summary>Dark images with a bright square, two batches of 8, in the range of values that caffe's preprocessing gives.</summary>
    private static BatchLoader Images(int seed) => Toys.Squares(16, 8, side: 32, seed, scale: 60, offset: -100);

    private static TrainingHistory Train(UNetResNet50 unet, BatchLoader images) =>
        new Trainer(unet, new TrainingOptions { Epochs = 12, LearningRate = 3e-3, ScoreTrainingInInferenceMode = false }).Fit(images, images);

    private static double LossInTrainingMode(UNetResNet50 unet, BatchLoader images)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        unet.train();
        double sum = 0;
        foreach (Batch batch in images.Epoch())
        {
            using (batch) sum += batch.Size * (double)Losses.BinaryCrossEntropy(unet.call(batch.Inputs), batch.Targets).item<float>();
        }

        return sum / images.SampleCount;
    }
}
