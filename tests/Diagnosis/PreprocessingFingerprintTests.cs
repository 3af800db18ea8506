using TorchSharp.Modules;
using UnetResnet.Data;
using UnetResnet.Diagnosis;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Notebooks;
using UnetResnet.Training;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Diagnosis;

public class PreprocessingFingerprintTests
{
    public static TheoryData<string> Names => [.. Preprocessing.All.Select(p => p.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void What_was_applied_shows_in_the_values(string name)
    {
        using Tensor pixels = Coloured(4, seed: 1), applied = Preprocessing.FromName(name).Apply(pixels);
        PreprocessingCandidate used = PreprocessingFingerprint.Recognise(applied)!;
        Assert.Equal((name, false), (used.Preprocessing.Name, used.Reversed));
        using Tensor back = used.Invert(applied);
        Assert.True((back - pixels).abs().max().item<float>() < 0.01);
    }

    [Fact]
    public void Values_of_no_known_preprocessing_are_not_recognised()
    {
        using Tensor pixels = Coloured(4, seed: 1), other = pixels * 0.37 + 3.1;
        Assert.Null(PreprocessingFingerprint.Recognise(other));
        using Sequential model = ForeignNetworks.Cnn();
        Assert.Contains("MeasurePixels", Assert.Throws<ArgumentException>(() => PreprocessingFingerprint.Measure(model, other)).Message);
    }

    /// <summary>A first layer whose statistics were counted under each preprocessing in turn; the channels have colours of their own, so that their order counts.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void The_right_one_is_named_whatever_is_used(string name)
    {
        using var scope = NewDisposeScope();
        var right = Preprocessing.FromName(name);
        using Sequential model = ForeignNetworks.Cnn(seed: 3);
        ForeignNetworks.Settle(model, right.Apply(Coloured(32, seed: 1)));
        Tensor others = Coloured(32, seed: 2);
        foreach (Preprocessing used in Preprocessing.All)
        {
            PreprocessingFingerprint fingerprint = PreprocessingFingerprint.Measure(model, used.Apply(others));
            Assert.Equal((name, false), (fingerprint.Best.Preprocessing.Name, fingerprint.Best.Reversed));
            Assert.Equal(used, fingerprint.Used!.Preprocessing);
            Assert.Equal(used != right, fingerprint.Wrong);
            Assert.True(fingerprint.Margin > 1.5, fingerprint.ToText());
            Assert.Contains(name, fingerprint.Finding);
        }
    }

    /// <summary>On the encoder's own domain the family is named; on MRI slices, a foreign one, the scale is, and a right preprocessing is never called wrong.</summary>
    [Fact]
    public void The_bundled_encoder_wants_caffe()
    {
        using UNetResNet50 unet = Preset.Quick.CreateUNet();
        unet.Encoder.Freeze(BatchNormMode.Keras213);
        var world = new ProceduralSourceDomain(64, seed: 7);
        SegmentationSample[] samples = [.. Enumerable.Range(0, 24).Select(i => new SegmentationSample($"{i}", world.Sample(i).Image, new PixelImage(64, 64, 1, new byte[64 * 64])))];
        SegmentationDataset shapes = new(samples), slices = BrainMri.Load(64).Train.Every(5);
        foreach (Preprocessing used in Preprocessing.All)
        {
            bool caffe = used == Preprocessing.Caffe, pixels = caffe || used == Preprocessing.None || used == Preprocessing.CaffeChannelBug;
            PreprocessingFingerprint own = Of(unet, shapes, used), foreign = Of(unet, slices, used);
            // The shapes' colours are exchangeable: red and blue cannot be told apart, and "caffe (BGR)" and "caffe-channel-bug (RGB)" are one map for them.
            // For the same reason its own order of the bug is hardly farther than the right one, and may or may not be called wrong.
            Assert.Contains(own.Best.Name, new[] { "caffe (BGR)", "caffe-channel-bug (RGB)" });
            if (used != Preprocessing.CaffeChannelBug) Assert.True(!caffe == own.Wrong, own.ToText());
            Assert.True(!pixels == foreign.WrongScale, foreign.ToText());
            Assert.False(caffe && foreign.Wrong, foreign.ToText());
            Assert.Contains(Preprocessing.Caffe, foreign.OfRightScale.Select(c => c.Preprocessing));
            Assert.DoesNotContain(Preprocessing.Torch, foreign.OfRightScale.Select(c => c.Preprocessing));
        }

        Assert.Equal(12, ChartFigure.Of(Of(unet, slices, Preprocessing.Torch).Chart())["data"]![0]!["y"]!.AsArray().Count);
    }

    private static PreprocessingFingerprint Of(Module<Tensor, Tensor> model, SegmentationDataset dataset, Preprocessing used)
    {
        using Batch batch = new BatchLoader(dataset, new BatchLoaderOptions { BatchSize = 24, Preprocessing = used }).Epoch().First();
        return PreprocessingFingerprint.Measure(model, batch.Inputs);
    }

    /// <summary>Reddish images in whole numbers 0–255: red around 190, green around 120, blue around 60, in patches and with noise.</summary>
    private static Tensor Coloured(int count, int seed)
    {
        using var scope = NewDisposeScope();
        Generator generator = new((ulong)seed);
        Tensor mean = tensor(new float[] { 190, 120, 60 }).reshape(1, 3, 1, 1);
        Tensor patches = functional.upsample_nearest2d(randn([count, 3, 4, 4], generator: generator) * 35, [16, 16]);
        return (mean + patches + randn([count, 3, 16, 16], generator: generator) * 8).round().clamp(0, 255).MoveToOuterDisposeScope();
    }
}
