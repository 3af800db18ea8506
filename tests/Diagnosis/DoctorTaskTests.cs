using UnetResnet.Data;
using UnetResnet.Diagnosis;
using UnetResnet.Lab.Benchmarks;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using UnetResnet.Tests.Training;
using UnetResnet.Training;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Diagnosis;

/// <summary>The doctor on classifiers, on class masks, on networks in use, and what it says and leaves behind.</summary>
public class DoctorTaskTests
{
    [Theory]
    [InlineData("classifier, batches from somebody's own iterator")]
    [InlineData("classifier, momentum 0 on foreign statistics")]
    [InlineData("classifier, labels at random")]
    [InlineData("finished CNN")]
    [InlineData("finished CNN, given 0 to 255")]
    [InlineData("CNN in use, given 0 to 255, parameters not frozen")]
    public void The_right_cause_is_named(string name)
    {
        DoctorCase ill = BatchNormDoctorTests.Cases.All().Single(c => c.Name == name);
        using Patient patient = ill.Make();
        DoctorReport report = BatchNormDoctor.Diagnose(patient.Model, patient.Source, patient.Options);
        Assert.True(ill.Expected == report.Cause, report.ToText());
        if (ill.Expected == Cause.WrongPreprocessing) Assert.Contains("none (RGB)", report.Verdict);
    }

    /// <summary>A U-Net of three classes that was never trained: its encoder counted its statistics elsewhere, which recalibration mends.</summary>
    [Fact]
    public void Class_masks_have_the_disease_too()
    {
        using var scope = NewDisposeScope();
        TorchRuntime.Seed(0);
        using var unet = new UNetResNet50(new UNetOptions { Classes = 3, Encoder = new ResNet50Options { Width = 16 } });
        using Batch squares = Miniature.Images(count: 8);
        Tensor classes = squares.Targets.squeeze(1).to(int64);
        Recalibration.Apply(unet, [squares.Inputs]);
        using (no_grad())
        {
            foreach (var (_, layer) in unet.Encoder.BatchNormLayers().Take(1)) layer.RunningMean.add_(1770);
        }

        TrainEvalGap gap = TrainEvalGap.Measure(unet, Batch.Of(squares.Inputs, classes));
        Assert.Equal("mean IoU", gap.Metric);
        DoctorReport report = BatchNormDoctor.Diagnose(unet, BatchSource.Of([(squares.Inputs, classes)]), new DoctorOptions { Images = 8, AttributionImages = 2 });
        Assert.True(report.Cause is Cause.CorruptedStatistics && report.Place == "encoder.bn_conv1", report.ToText());
    }

    [Fact]
    public void A_finding_below_the_limits_is_a_note_with_its_figures()
    {
        static string[] Notes(double known, double knownIoU, double unknown, double unknownIoU) =>
            [.. DoctorRules.Notes(new MedicalChart
            {
                Source = Toys.Squares(2, 2), Options = new DoctorOptions(), Trains = true,
                KnownImages = new Judgement(known, new Figure("IoU", knownIoU)), NewImages = new Judgement(unknown, new Figure("IoU", unknownIoU)),
            })];

        string note = Assert.Single(Notes(0.010, 0.98, 0.035, 0.94));
        Assert.All(new[] { "3.5 times", "0.010", "0.035", "IoU 0.980 and 0.940" }, text => Assert.Contains(text, note));
        Assert.Empty(Notes(0.010, 0.98, 0.012, 0.97));
        // That is overfitting, and said as such.
        Assert.Empty(Notes(0.1, 0.98, 0.35, 0.70));
    }

    /// <summary>What each leaves behind is nothing: optimiser states, gradients and maps of features.</summary>
    [Theory]
    [InlineData("doctor")]
    [InlineData("audit")]
    [InlineData("gap")]
    [InlineData("modes")]
    [InlineData("attribution")]
    [InlineData("distance")]
    [InlineData("fingerprint")]
    [InlineData("controls")]
    [InlineData("drift")]
    [InlineData("batch size")]
    [Trait("Category", "Reliability")]
    public void No_tensor_stays_behind(string diagnostic)
    {
        using UNetResNet50 unet = Miniature.UNet();
        using Batch batch = Miniature.Images(count: 4);
        BatchLoader loader = Toys.Squares(4, 2, side: 64, scale: 60, offset: -100);
        using Tensor pixels = batch.Inputs.clamp(0, 255).round();
        Action run = diagnostic switch
        {
            "doctor" => () => BatchNormDoctor.Diagnose(unet, loader, new DoctorOptions { Images = 4, AttributionImages = 2, Validation = loader }),
            "audit" => () => FreezeAudit.Measure(unet, batch, steps: 1),
            "gap" => () => TrainEvalGap.Measure(unet, batch),
            "modes" => () => ModeMatrix.Measure(unet, batch),
            "attribution" => () => LayerAttribution.Bisect(unet, batch),
            "distance" => () => StatisticsDistance.Measure(unet, batch.Inputs),
            "fingerprint" => () => PreprocessingFingerprint.MeasurePixels(unet, pixels),
            "controls" => () => ControlExperiments.Measure(unet, batch.Inputs),
            "drift" => () => ActivationDrift.Measure(unet, batch),
            _ => () => BatchSizeSensitivity.Measure(unet, batch),
        };
        run();
        long before = LiveTensors.Settled();
        for (int i = 0; i < 2; i++) run();
        // Without a collection: every temporary is freed where it is made.
        Assert.Equal(before, Tensor.TotalCount);
    }
}
