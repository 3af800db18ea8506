using TorchSharp.Modules;
using UnetResnet.Data;
using UnetResnet.Diagnosis;
using UnetResnet.Lab.Benchmarks;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Notebooks;
using UnetResnet.Runtime;
using UnetResnet.Tests.Training;
using UnetResnet.Training;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Diagnosis;

public class BatchNormDoctorTests
{
    /// <summary>Loaded once for all tests: every image is read.</summary>
    internal static readonly DoctorCases Cases = new();

    /// <summary>Every cause once, of the labelled set's cases that are made in a second or two; <c>lab bench doctor</c> runs all of them.</summary>
    public static TheoryData<string> Quick =>
    [
        "CNN, seed 0", "dense net", "CNN without batch norm", "dense net, momentum 0 on foreign statistics", "CNN, requires_grad = false alone",
        "CNN, momentum 0.001", "CNN of 0 to 1 on 0 to 255", "CNN on four images, seed 0", "dense net, batches of one", "CNN, learning rate 3",
        "CNN, the mask in the blue channel", "dense net, wrong statistics in the transition",
    ];

    [Theory]
    [MemberData(nameof(Quick))]
    public void The_right_cause_is_named(string name)
    {
        DoctorCase ill = Cases.All().Single(c => c.Name == name);
        using Patient patient = ill.Make();
        DoctorReport report = BatchNormDoctor.Diagnose(patient.Model, patient.Source, patient.Options);
        Assert.True(ill.Expected == report.Cause, report.ToText());
        if (ill.Place is not null) Assert.Equal(ill.Place, report.Place);
        Assert.InRange(report.Confidence, 0.3, 1);
        Assert.NotEmpty(report.Evidence);
        Assert.Equal(report.Cause is Cause.Healthy or Cause.NothingToDiagnose, report.Cure is null);
        Assert.Equal(!report.IsIll, report.Cure is null);
        Assert.Contains(report.Cause.Words(), report.ToText());
        Assert.Contains("<table", report.ToHtml());
    }

    [Fact]
    public void The_labelled_set_is_large_and_names_are_unique()
    {
        IReadOnlyList<DoctorCase> all = Cases.All();
        Assert.True(all.Count >= 55, $"{all.Count} cases");
        Assert.Equal(all.Count, all.Select(c => c.Name).Distinct().Count());
        Assert.Empty(Enum.GetValues<Cause>().Except(all.Select(c => c.Expected)).Except([Cause.UnexplainedGap]));
    }

    /// <summary>The disease in miniature: an untrained U-Net whose encoder counted its statistics elsewhere; recalibrated it is well, and nothing was trained.</summary>
    [Fact]
    public void The_recommended_cure_cures()
    {
        using UNetResNet50 unet = Miniature.UNet();
        BatchLoader images = Toys.Squares(16, 8, side: 64, scale: 60, offset: -100);
        DoctorReport ill = BatchNormDoctor.Diagnose(unet, images, new DoctorOptions { Images = 8, AttributionImages = 2, Task = LearningTask.Of(Spread) });
        Assert.Equal((Cause.FrozenBatchStatistics, "encoder"), (ill.Cause, ill.Place));
        Assert.Equal(53, ill.Layers.Count);

        // Statistics that fit cure the numbers, not the mode: healthy, but not without a word.
        Recalibration.Apply(unet, images.InOrder().Inputs());
        DoctorReport lucky = BatchNormDoctor.Diagnose(unet, images, new DoctorOptions { Images = 8, AttributionImages = 2, Task = LearningTask.Of(Spread) });
        Assert.True(lucky.Cause == Cause.Healthy, lucky.ToText());
        Assert.Contains(lucky.Notes, note => note.StartsWith("53 batch-norm layers in encoder normalise by the batch in training", StringComparison.Ordinal));
        Recalibration.Undo(unet);
        Recommended.Run(ill.Cure!, unet, images);
        Assert.All(unet.Encoder.BatchNormLayers(), layer => Assert.Equal(BatchNormMode.Inference, layer.Layer.Mode));
        DoctorReport well = BatchNormDoctor.Diagnose(unet, images, new DoctorOptions { Images = 8, AttributionImages = 2, Task = LearningTask.Of(Spread) });
        Assert.True(well.Cause == Cause.Healthy, well.ToText());
        Assert.DoesNotContain(well.Notes, note => note.Contains("never updates", StringComparison.Ordinal));
    }

    [Fact]
    public void The_recommended_cure_of_a_foreign_network_cures()
    {
        using Patient patient = Cases.All().Single(c => c.Name == "dense net, wrong statistics in the transition").Make();
        DoctorReport ill = BatchNormDoctor.Diagnose(patient.Model, patient.Source, patient.Options);
        Recommended.Run(ill.Cure!, patient.Model, patient.Source);
        DoctorReport well = BatchNormDoctor.Diagnose(patient.Model, patient.Source, patient.Options);
        Assert.True(well.Cause == Cause.Healthy, well.ToText());
    }

    /// <summary>The last layer sees four values per channel and image: in batches of one its statistics are noise, and no wrong number.</summary>
    [Theory]
    [InlineData(1, Cause.SmallBatches)]
    [InlineData(8, Cause.CorruptedStatistics)]
    public void A_layer_that_stands_out_is_blamed_on_the_size_of_the_batch_where_that_explains_it(int batch, Cause expected)
    {
        TorchRuntime.Seed(0);
        using Sequential net = Sequential(
            ("conv1", Conv2d(3, 16, 3, padding: 1)), ("bn1", new ModalBatchNorm2d(16, BatchNormOptions.Torch)), ("conv2", Conv2d(16, 16, 3, padding: 1)), ("bn2", new ModalBatchNorm2d(16, BatchNormOptions.Torch)), ("pool", AdaptiveAvgPool2d(2)),
            ("conv3", Conv2d(16, 16, 1)), ("bn3", new ModalBatchNorm2d(16, BatchNormOptions.Torch)), ("up", Upsample(scale_factor: [16, 16])), ("prediction", Conv2d(16, 1, 1)));
        BatchLoader images = Toys.Squares(16, batch, side: 32);
        Recalibration.Apply(net, images.InOrder().Inputs());
        net.train();
        DoctorCases.Corrupt(net, "bn3");
        DoctorReport report = BatchNormDoctor.Diagnose(net, images, new DoctorOptions { Images = 8, AttributionImages = 2, Steps = 100, Task = LearningTask.Of(Spread) });
        Assert.True(expected == report.Cause && report.Evidence[0].Text.StartsWith("On the same training images", StringComparison.Ordinal), report.ToText());
    }

    public static IEnumerable<object[]> Ill =>
        Enum.GetValues<Cause>().Where(c => c is not (Cause.Healthy or Cause.NothingToDiagnose)).SelectMany(c => new[] { new object[] { c, true }, [c, false] });

    [Theory]
    [MemberData(nameof(Ill))]
    public void Every_recommended_cure_compiles(Cause cause, bool foreign)
    {
        foreach (Preprocessing right in Preprocessing.All)
        {
            Cure cure = Cure.For(cause, Toys.Squares(8, 4, side: 32), right: right)!;
            Assert.NotEmpty(cure.Title);
            Recommended.Compile(cure, foreign);
            if (cause is not (Cause.WrongPreprocessing or Cause.Overfitting)) break;
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_model_is_left_as_it_was(bool foreign)
    {
        using Module<Tensor, Tensor> model = foreign ? ForeignNetworks.Cnn(dropout: 0.5) : Miniature.UNet();
        BatchLoader images = Toys.Squares(8, 4, side: 64, scale: 60, offset: -100);
        var options = new DoctorOptions { Images = 8, AttributionImages = 2, Validation = images };
        Untouched.By(model, () => BatchNormDoctor.Diagnose(model, images, options));
    }

    [Fact]
    public void Steps_are_told_as_they_begin_and_can_be_stopped()
    {
        using Sequential model = ForeignNetworks.Cnn();
        BatchLoader images = Toys.Squares(8, 4, side: 32);
        var steps = new List<DoctorStep>();
        using var stop = new CancellationTokenSource();
        BatchNormDoctor.Diagnose(model, images, progress: new Told(steps.Add));
        Assert.Equal(Enumerable.Range(1, steps.Count), steps.Select(s => s.Number));
        Assert.Equal(["leakage between the images", "distance of the statistics, gap between training and inference", "fingerprint of the preprocessing"], steps.Take(3).Select(s => s.Name));
        Assert.Contains(steps[^1].Name, steps[^1].ToString());
        Assert.Throws<OperationCanceledException>(() => BatchNormDoctor.Diagnose(model, images, progress: new Told(_ => stop.Cancel()), cancellation: stop.Token));
    }

    [Fact]
    public void What_cannot_be_diagnosed_is_said()
    {
        using Sequential model = ForeignNetworks.Cnn();
        BatchLoader images = Toys.Squares(8, 4, side: 32), one = Toys.Squares(1, 1, side: 32);
        Assert.Contains("at least 2 images", Assert.Throws<ArgumentException>(() => BatchNormDoctor.Diagnose(model, one)).Message);
        Assert.Contains("24 is the default", Assert.Throws<ArgumentOutOfRangeException>(() => BatchNormDoctor.Diagnose(model, images, new DoctorOptions { Images = 1 })).Message);
        Assert.Contains("6 is the default", Assert.Throws<ArgumentOutOfRangeException>(() => BatchNormDoctor.Diagnose(model, images, new DoctorOptions { AttributionImages = 1 })).Message);
        Assert.Contains("at least 1 training step", Assert.Throws<ArgumentOutOfRangeException>(() => BatchNormDoctor.Diagnose(model, images, new DoctorOptions { Steps = 0 })).Message);
        using (no_grad()) model.parameters().First().fill_(float.NaN);
        Assert.Contains("not finite", Assert.Throws<ArgumentException>(() => BatchNormDoctor.Diagnose(model, images)).Message);
    }

    /// <summary>A loss that grows with any departure of the logits' spread from what training gives, so that an untrained network has a gap.</summary>
    private static Tensor Spread(Tensor logits, Tensor masks)
    {
        using var scope = NewDisposeScope();
        return (logits.std() + logits.mean().abs()).MoveToOuterDisposeScope();
    }

    private sealed class Told(Action<DoctorStep> tell) : IProgress<DoctorStep>
    {
        public void Report(DoctorStep value) => tell(value);
    }
}
