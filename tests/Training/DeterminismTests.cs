using UnetResnet.Data;
using UnetResnet.Lab.Benchmarks;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using UnetResnet.Training;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Training;

/// <summary>The same seed and the same number of threads give the same training, bit for bit: losses and weights.</summary>
[Trait("Category", "Reliability")]
public sealed class DeterminismTests : IDisposable
{
    private readonly int threads = get_num_threads();

    public void Dispose() => TorchRuntime.Initialize(threads: threads);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_UNet_is_trained_the_same_way_again(int count)
    {
        TorchRuntime.Initialize(threads: count);
        string first = Train(seed: 0);
        Assert.Equal(first, Train(seed: 0));
        Assert.NotEqual(first, Train(seed: 1));

        static string Train(int seed)
        {
            Preset preset = Preset.Quick with { Epochs = 2, BatchSize = 4 };
            BrainMri data = preset.LoadData();
            SegmentationDataset few = data.Train.Subset(Enumerable.Range(0, 8));
            using UNetResNet50 unet = preset.CreateUNet(seed);
            unet.Encoder.Freeze(BatchNormMode.Keras213);
            TrainingHistory history = new Trainer(unet, preset.Training(seed)).Fit(preset.TrainingBatches(few, seed, Augmentation.Gentle), preset.Batches(few));
            return SoakTraining.Fingerprint(unet, history);
        }
    }
}
