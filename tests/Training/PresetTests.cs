using UnetResnet.Data;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Tests.Models;
using UnetResnet.Tests.Normalization;
using UnetResnet.Training;
using UnetResnet.Weights;

namespace UnetResnet.Tests.Training;

public class PresetTests
{
    private static readonly Preset Untrained = Preset.Quick with { Weights = null };

    [Fact]
    public void There_are_two()
    {
        Assert.Equal(("quick", 16, 96, "bundled", "cpu"), (Preset.Quick.Name, Preset.Quick.Width, Preset.Quick.Side, Preset.Quick.Weights, Preset.Quick.Device));
        Assert.Equal(("full", 64, 224, "imagenet", "auto"), (Preset.Full.Name, Preset.Full.Width, Preset.Full.Side, Preset.Full.Weights, Preset.Full.Device));
        Assert.Same(Preset.Quick, Preset.FromName("quick"));
        Assert.Same(Preset.Full, Preset.FromName("Full"));
    }

    [Fact]
    public void One_of_your_own_has_the_rest_from_the_quick_one()
    {
        var own = new Preset { Name = "own", Width = 32, Side = 64 };
        foreach (Preset preset in new[] { own, Preset.Quick, Preset.Full })
            Assert.Equal((10, 16, 4e-3, 0.5), (preset.BatchSize, preset.Epochs, preset.LearningRate, Math.Round(preset.Schedule(0.5), 12)));
        Assert.Equal(("cpu", null), (own.Device, own.Weights));
    }

    [Fact]
    public void An_unknown_name_is_refused_with_those_that_exist()
    {
        string message = Assert.Throws<ArgumentException>("name", () => Preset.FromName("huge")).Message;
        Assert.Contains("'huge'", message);
        Assert.Contains("\"quick\"", message);
        Assert.Contains("\"full\"", message);
    }

    [Fact]
    public void The_environment_chooses()
    {
        Assert.Same(Preset.Quick, With(null));
        Assert.Same(Preset.Quick, With(""));
        Assert.Same(Preset.Quick, With("QUICK"));
        Assert.Contains("'tiny'", Assert.Throws<ArgumentException>(() => With("tiny")).Message);
    }

    [Fact]
    public void Full_without_the_weights_of_ImageNet_stops_at_once_and_says_how_to_get_them()
    {
        using var folder = new TemporaryFolder();
        string message = Assert.Throws<WeightsException>(() => With("full", folder.Path)).Message;
        Assert.Contains("lab weights download imagenet", message);
        Assert.Contains(folder["resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"], message);
        Assert.Contains("a268eb855778b3df3c7506639542a6af", message);
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void Full_builds_ResNet50_from_a_file_of_Keras_and_trains_it()
    {
        using var folder = new TemporaryFolder();
        using (var standIn = new ResNet50Encoder(new ResNet50Options { Width = 64 }))
        {
            KeyedNumbers.Fill(standIn);
            KerasExport.Write(standIn, folder["resnet50.h5"]);
        }

        Preset full = Preset.Full with { Weights = folder["resnet50.h5"], Side = 64, Epochs = 1, BatchSize = 2 };
        SegmentationDataset data = full.LoadData().Train;
        using UNetResNet50 unet = full.CreateUNet();
        unet.Encoder.Freeze(BatchNormMode.Keras213);
        Dictionary<string, byte[]> before = Numbers.State(unet);
        Assert.Equal(KeyedNumbers.Of("res5c_branch2c.weight", [1], 0, Math.Sqrt(6.0 / 512)).item<float>(), unet.Encoder.state_dict()["res5c_branch2c.weight"].flatten()[0].item<float>());

        TrainingHistory history = new Trainer(unet, full.Training()).Fit(full.TrainingBatches(data.Take(2)), full.Batches(data.Take(1)));
        Assert.True(double.IsFinite(history.Last.Validation.Loss));
        IReadOnlyList<string> changed = Numbers.Changed(before, Numbers.State(unet));
        Assert.Contains("decoder.conv6_1_conv.weight", changed);
        Assert.DoesNotContain(changed, name => name.StartsWith("encoder.", StringComparison.Ordinal));
    }

    [Fact]
    public void Quick_shows_the_brain_slices_at_96()
    {
        BrainMri data = Preset.Quick.LoadData();
        Assert.NotEmpty(data.Train);
        Assert.NotEmpty(data.Validation);
        Assert.All(data.Train.Concat(data.Validation), sample => Assert.Equal((96, 96, 96), (sample.Image.Width, sample.Image.Height, sample.Mask.Width)));
    }

    [Fact]
    public void Its_batches_are_preprocessed_for_the_encoder_and_shuffled_only_for_training()
    {
        SegmentationDataset some = Preset.Quick.LoadData().Train.Take(25);
        BatchLoader inOrder = Preset.Quick.Batches(some);
        Assert.Equal((25, 10, 3), (inOrder.SampleCount, inOrder.BatchSize, inOrder.BatchCount));
        string[] Names(BatchLoader loader, int epoch) => [.. loader.Epoch(epoch).SelectMany(batch => { using (batch) return batch.Names; })];
        string[] names = [.. some.Select(s => s.Name)];
        Assert.Equal(names, Names(inOrder, 1));

        BatchLoader training = Preset.Quick.TrainingBatches(some, seed: 3);
        Assert.NotEqual(names, Names(training, 1));
        Assert.NotEqual(Names(training, 1), Names(training, 2));
        Assert.Equal(Names(training, 1), Names(Preset.Quick.TrainingBatches(some, seed: 3), 1));
        Assert.NotEqual(Names(training, 1), Names(Preset.Quick.TrainingBatches(some, seed: 4), 1));
        Assert.Equal(names.Order(), Names(training, 1).Order());

        using Batch first = inOrder.Epoch().First();
        // Caffe: blue first, ImageNet's mean of blue subtracted.
        Assert.Equal(some[0].Image[0, 0] - 103.939, first.Inputs[0, 0, 0, 0].item<float>(), 1e-3);
    }

    [Fact]
    public void A_network_is_reproducible_and_trainable_throughout()
    {
        using UNetResNet50 first = Untrained.CreateUNet(seed: 1), again = Untrained.CreateUNet(seed: 1), other = Untrained.CreateUNet(seed: 2);
        Assert.Equal(16, first.Options.Encoder.Width);
        Assert.DoesNotContain(first.parameters(), p => !p.requires_grad);
        Assert.Empty(Numbers.Changed(Numbers.State(first), Numbers.State(again)));
        Assert.Contains("decoder.conv6_1_conv.weight", Numbers.Changed(Numbers.State(first), Numbers.State(other)));
    }

    [Fact]
    public void Options_of_the_network_are_kept_but_for_the_width()
    {
        using UNetResNet50 unet = Untrained.CreateUNet(options: new UNetOptions { DecoderBatchNorm = false, Encoder = new ResNet50Options { Width = 32, Padding = ConvolutionPadding.Symmetric } });
        Assert.Equal((16, ConvolutionPadding.Symmetric), (unet.Options.Encoder.Width, unet.Options.Encoder.Padding));
        Assert.False(unet.Options.DecoderBatchNorm);
    }

    [Fact]
    public void It_trains_as_it_says()
    {
        TrainingOptions options = (Preset.Quick with { Epochs = 3, LearningRate = 0.5 }).Training(seed: 9);
        Assert.Equal((3, 0.5, 9), (options.Epochs, options.LearningRate, options.Seed));
        Assert.Equal(LearningRateSchedules.Cosine, options.Schedule);
        Assert.Equal([1, 0.5, 0], new[] { 0, 0.5, 1 }.Select(progress => Math.Round(options.Schedule(progress), 12)));
    }

    private static Preset With(string? value, string? cacheFolder = null)
    {
        string? before = Environment.GetEnvironmentVariable(Preset.EnvironmentVariable);
        try
        {
            Environment.SetEnvironmentVariable(Preset.EnvironmentVariable, value);
            return Preset.FromEnvironment(cacheFolder);
        }
        finally
        {
            Environment.SetEnvironmentVariable(Preset.EnvironmentVariable, before);
        }
    }
}
