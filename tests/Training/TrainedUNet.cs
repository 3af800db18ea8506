using UnetResnet.Data;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Training;

namespace UnetResnet.Tests.Training;

/// <summary>A small U-Net that has learnt a little of brains in two epochs of 40 slices, with its encoder in inference mode: enough to decide by what it sees.</summary>
public sealed class TrainedUNet : IDisposable
{
    public TrainedUNet()
    {
        BrainMri data = Preset.Quick.LoadData();
        UNet = Preset.Quick.CreateUNet(seed: 0);
        UNet.Encoder.Freeze(BatchNormMode.Inference);
        var few = new SegmentationDataset([.. data.Train.Take(40)]);
        new Trainer(UNet, Preset.Quick.Training() with { Epochs = 2, ScoreTrainingInInferenceMode = false }).Fit(Preset.Quick.TrainingBatches(few), Preset.Quick.Batches(few));
        PixelImage[] slices = [.. data.Validation.Take(4).Select(sample => sample.Image)];
        Image = slices[0];
        Four = new PixelImage(192, 192, 1, [.. from y in Enumerable.Range(0, 192) from x in Enumerable.Range(0, 192) select slices[y / 96 * 2 + x / 96].ToGrey()[y % 96, x % 96]]);
    }

    /// <summary>It says itself that its images are preprocessed as Caffe's.</summary>
    public UNetResNet50 UNet { get; }

    /// <summary>96×96.</summary>
    public PixelImage Image { get; }

    /// <summary>192×192: four slices.</summary>
    public PixelImage Four { get; }

    public void Dispose() => UNet.Dispose();
}
