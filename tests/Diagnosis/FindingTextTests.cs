using UnetResnet.Data;
using UnetResnet.Diagnosis;

namespace UnetResnet.Tests.Diagnosis;

/// <summary>What a reader sees of reports that name something: what is frozen, leaks, or lies far off, and what is to be done.</summary>
public class FindingTextTests
{
    [Fact]
    public void Audit_of_what_is_frozen()
    {
        static FreezeAudit Audit(int steps, params FreezeItem[] items) => new() { Steps = steps, Parameters = (4, 9), Buffers = (2, 6), Items = items };
        FreezeItem[] each = [.. Enum.GetValues<FreezeFault>().Select(fault => new FreezeItem(fault, $"layer{(int)fault}", "detail"))];
        Reads(
            """
            Is frozen what should be frozen
            ===============================

            After 1 training step, 4 of 9 parameters and 2 of 6 buffers had moved. 'layer0' changed although frozen. 'layer1' trains although you think it is frozen. 'layer2' is frozen and yet normalises by the batch in training. 'layer3' stood in inference mode, and train() set it back. 'layer4' receives gradients, but the optimiser does not know it. 'layer5' is in the optimiser and never receives a gradient.

            fault                         name    detail
            changed although frozen       layer0  detail
            trains although meant frozen  layer1  detail
            frozen, on batch statistics   layer2  detail
            reset by train()              layer3  detail
            not in the optimiser          layer4  detail
            without gradient              layer5  detail
            """, Audit(1, each));
        Reads(
            """
            Is frozen what should be frozen
            ===============================

            After 3 training steps, 4 of 9 parameters and 2 of 6 buffers had moved. 'layer0.0', 'layer0.1' changed although frozen. 'layer1.0', 'layer1.1' train although you think they are frozen. 'layer2.0', 'layer2.1' are frozen and yet normalise by the batch in training. 'layer3.0', 'layer3.1' and 7 more stood in inference mode, and train() set them back. 'layer4.0', 'layer4.1' receive gradients, but the optimiser does not know them. 'layer5.0', 'layer5.1' are in the optimiser and never receive a gradient.

            fault                         name      detail
            changed although frozen       layer0.0  detail
            changed although frozen       layer0.1  detail
            trains although meant frozen  layer1.0  detail
            trains although meant frozen  layer1.1  detail
            frozen, on batch statistics   layer2.0  detail
            frozen, on batch statistics   layer2.1  detail
            reset by train()              layer3.0  detail
            reset by train()              layer3.1  detail
            reset by train()              layer3.2  detail
            reset by train()              layer3.3  detail
            reset by train()              layer3.4  detail
            reset by train()              layer3.5  detail
            reset by train()              layer3.6  detail
            reset by train()              layer3.7  detail
            not in the optimiser          layer4.0  detail
            not in the optimiser          layer4.1  detail
            without gradient              layer5.0  detail
            without gradient              layer5.1  detail
            … 1 more of 19; Items has them all.
            """, Audit(3, [.. each.SelectMany(item => Enumerable.Range(0, item.Fault == FreezeFault.ResetByTrain ? 9 : 2).Select(i => item with { Name = $"{item.Name}.{i}" }))]));
        Assert.Equal("Nothing is trainable, so no step was run. Everything frozen stayed as it was, and everything trainable is trained.", Audit(0).Finding);
        Assert.Equal(["layer3"], Audit(1, each).Of(FreezeFault.ResetByTrain));
        Assert.Equal((true, false), (Audit(1).IsClean, Audit(1, each).IsClean));
    }

    [Fact]
    public void Leaks()
    {
        static LeakageScan Scan(int duplicates, double r2 = 0.5, int validation = 40, int channel = 1) => new()
        {
            TrainingImages = 100,
            ValidationImages = validation,
            Duplicates = [.. Enumerable.Range(0, duplicates).Select(i => new DuplicateImage($"v{i}", $"t{i}", 0.99995))],
            NearestCorrelation = 0.98765,
            MaskChannel = channel,
            MaskR2 = r2,
        };
        Reads(
            """
            Leakage
            =======

            None of 40 validation images is among 100 training images (nearest pair: correlation 0.9877). No channel of the images is the mask (highest R² 0.500).
            """, Scan(0));
        Reads(
            """
            Leakage
            =======

            1 of 40 validation images is a training image too, such as 'v0' and 't0' (correlation 1.0000). Channel 1 of the images is the mask, up to scale and offset (R² 0.960).

            validation image  training image  correlation
            v0                t0                   1.0000
            """, Scan(1, r2: 0.96));
        Reads(
            """
            Leakage
            =======

            11 of 40 validation images are training images too, such as 'v0' and 't0' (correlation 1.0000). The targets are no masks.

            validation image  training image  correlation
            v0                t0                   1.0000
            v1                t1                   1.0000
            v2                t2                   1.0000
            v3                t3                   1.0000
            v4                t4                   1.0000
            v5                t5                   1.0000
            v6                t6                   1.0000
            v7                t7                   1.0000
            v8                t8                   1.0000
            v9                t9                   1.0000
            The first 10 of 11
            """, Scan(11, channel: -1, r2: double.NaN));
        Assert.StartsWith("There are no validation images to compare with. No channel", Scan(0, validation: 0).Finding);
        // A twentieth of the images, and an R² above 0.95.
        Assert.Equal([false, true, false, true], new[] { Scan(1).Leaks, Scan(2).Leaks, Scan(0, r2: 0.95).Leaks, Scan(0, r2: 0.951).Leaks });
    }

    [Fact]
    public void Distance_of_the_statistics()
    {
        static LayerDistance Layer(int place, params double[] distances) => new($"bn{place}", place, [.. distances.Select(d => new ChannelDistance(d, -0.5 * d, 2 * d, d, 2))]);
        static StatisticsDistance Distance(double factor, params double[] layers) => new()
        {
            Images = 8,
            AlongTraining = [.. layers.Select((d, i) => Layer(i, 0, d, 2 * d))],
            AlongInference = [.. layers.Select((d, i) => Layer(i, factor * d))],
        };
        Reads(
            """
            Distance of the statistics
            ==========================

            The mean square of what a layer injects is 0.1458 on average along the training path (1 is a whole standard deviation), most in 'bn1' (0.25). Along the inference path it is 0.2917: errors grow from layer to layer.

            layer  channels  z (RMS)  z (95 %)  z (max)  mean log r     KL  Wasserstein²  weighted by γ²  Wasserstein², inference path
            bn1           3   0.3227     0.475      0.5      -0.125    0.5          0.25               1                           0.5
            bn0           3   0.1614    0.2375     0.25     -0.0625   0.25         0.125             0.5                          0.25
            bn2           3  0.08069    0.1188    0.125    -0.03125  0.125        0.0625            0.25                         0.125
            """, Distance(2, 0.125, 0.25, 0.0625));
        Reads(
            """
            Distance of the statistics
            ==========================

            The mean square of what a layer injects is 0.3654 on average along the training path (1 is a whole standard deviation), most in 'bn12' (4). Along the inference path it is 0.3654: most of it is each layer's own. Alone far off: 'bn12'.

            layer  channels  z (RMS)  z (95 %)  z (max)  mean log r     KL  Wasserstein²  weighted by γ²  Wasserstein², inference path
            bn12          3    5.164       7.6        8          -2      8             4              16                             4
            bn0           3  0.08069    0.1188    0.125    -0.03125  0.125        0.0625            0.25                        0.0625
            bn1           3  0.08069    0.1188    0.125    -0.03125  0.125        0.0625            0.25                        0.0625
            bn2           3  0.08069    0.1188    0.125    -0.03125  0.125        0.0625            0.25                        0.0625
            bn3           3  0.08069    0.1188    0.125    -0.03125  0.125        0.0625            0.25                        0.0625
            bn4           3  0.08069    0.1188    0.125    -0.03125  0.125        0.0625            0.25                        0.0625
            bn5           3  0.08069    0.1188    0.125    -0.03125  0.125        0.0625            0.25                        0.0625
            bn6           3  0.08069    0.1188    0.125    -0.03125  0.125        0.0625            0.25                        0.0625
            bn7           3  0.08069    0.1188    0.125    -0.03125  0.125        0.0625            0.25                        0.0625
            bn8           3  0.08069    0.1188    0.125    -0.03125  0.125        0.0625            0.25                        0.0625
            bn9           3  0.08069    0.1188    0.125    -0.03125  0.125        0.0625            0.25                        0.0625
            bn10          3  0.08069    0.1188    0.125    -0.03125  0.125        0.0625            0.25                        0.0625
            The 12 farthest of 13 layers; ToDataFrame() has every channel.
            """, Distance(1, [.. Enumerable.Repeat(0.0625, 12), 4]));
        Assert.Contains("Along the inference path it is 0.05: the layers' errors partly cancel.", Distance(0.4, 0.125).Finding);
        // A layer alone is compared with nothing; far off are at least ½ and ten times the median, and at most a tenth of the layers or one.
        Assert.Empty(Distance(1, 4).Outliers());
        Assert.Equal(["bn2"], Distance(1, 0.04, 0.04, 0.5).Outliers().Select(l => l.Name));
        Assert.Empty(Distance(1, 0.04, 0.04, 0.49).Outliers());
        Assert.Equal(["bn0"], Distance(1, 0.65, 0.0625, 0.0625).Outliers().Select(l => l.Name));
        Assert.Empty(Distance(1, 0.05, 0.06, 0.59).Outliers());
        Assert.Empty(Distance(1, [.. Enumerable.Repeat(0.05, 17), 4, 4]).Outliers());
        Assert.Equal(2, Distance(1, [.. Enumerable.Repeat(0.05, 18), 3, 4]).Outliers().Count);
        foreach (double share in new[] { -0.01, 1.01, double.NaN }) Assert.Throws<ArgumentOutOfRangeException>("share", () => Layer(0, 1).Quantile(c => c.Z, share));
    }

    [Fact]
    public void Clocks()
    {
        Reads(
            """
            Clock of the moving averages
            ============================

            At the first validation, after 50 steps, 95 % of the old statistics are still in the running ones of 1 layer (momentum 0.001); they are below 1 % after 4603 steps, 92.06 epochs. Use a momentum of at least 0.05816, or judge later.

            momentum (new value)  Keras's momentum  layers  half-life, steps  below 1 % after, steps  epochs  old share at first validation
                           0.001             0.999       1             692.8                    4603   92.06                         0.9512
                             0.1               0.9       1             6.579                   43.71  0.8742                       0.005154
            """, EmaClock.Measure([0.1, 0.001], 50));
        Reads(
            """
            Clock of the moving averages
            ============================

            At the first validation, after 50 steps, at most 0.5 % of the old statistics are left.

            momentum (new value)  Keras's momentum  layers  half-life, steps  below 1 % after, steps  epochs  old share at first validation
                             0.1               0.9       1             6.579                   43.71  0.8742                       0.005154
            """, EmaClock.Measure(0.1, 50));
        Assert.Equal("No layer moves its running statistics in training, so there is no clock.", EmaClock.Measure([], 50).Finding);
    }

    [Fact]
    public void Fingerprints()
    {
        static PreprocessingCandidate Candidate(Preprocessing preprocessing, double distance, double logR) => new(preprocessing, false, distance, logR);
        PreprocessingCandidate caffe = Candidate(Preprocessing.Caffe, 0.03125, 0.25), none = Candidate(Preprocessing.None, 0.0625, 0.5), near = Candidate(Preprocessing.None, 0.045, 0.5), unit = Candidate(Preprocessing.ZeroToOne, 9, -11);
        PreprocessingFingerprint Print(PreprocessingCandidate? used, params PreprocessingCandidate[] candidates) => new() { Layer = "bn1", Candidates = candidates, Used = used };
        Reads(
            """
            Fingerprint of the preprocessing
            ================================

            The statistics of 'bn1' fit 'caffe (BGR)' best (distance 0.03125), 2.0 times nearer than the next, 'none (RGB)'. The images are preprocessed as 'zero-to-one (RGB)' (distance 9): their scale is wrong, its spread is 0.004087 of the running one.

            preprocessing      distance  of the nearest  spread, share of the running one
            caffe (BGR)         0.03125             1 ×                             1.133
            none (RGB)           0.0625             2 ×                             1.284
            zero-to-one (RGB)         9           288 ×                          0.004087  used
            """, Print(unit, caffe, none, unit));
        Reads(
            """
            Fingerprint of the preprocessing
            ================================

            The statistics of 'bn1' fit 'caffe (BGR)' best (distance 0.03125), but 'none (RGB)' is almost as near (0.045). How the images were preprocessed could not be told from their values.

            preprocessing      distance  of the nearest  spread, share of the running one
            caffe (BGR)         0.03125             1 ×                             1.133
            none (RGB)            0.045          1.44 ×                             1.284
            zero-to-one (RGB)         9           288 ×                          0.004087
            """, Print(null, caffe, near, unit));
        Assert.EndsWith("The images are preprocessed as 'none (RGB)' (distance 0.125): that is wrong.", Print(none with { Distance = 0.125 }, caffe, none).Finding);
        Assert.EndsWith("The images are preprocessed as 'none (RGB)' (distance 0.0625).", Print(none, caffe, none).Finding);
        Assert.Equal([caffe, none], Print(null, caffe, none, unit).OfRightScale);
    }

    [Fact]
    public void Curves() => Reads(
            """
            Signature of the curves
            =======================

            Overfitting (confidence 0.88). Known by heart. It has risen.

            observation      value  limit
            Known by heart.    2.5    1.4
            It has risen.     1.25    NaN
            """, new CurveSignature
            {
                Cause = Cause.Overfitting,
                Confidence = 0.875,
                Epochs = 12,
                Evidence = [new("", 2.5, 1.4, "Known by heart."), new("", 1.25, double.NaN, "It has risen.")],
            });

    [Fact]
    public void Diagnoses()
    {
        var report = new DoctorReport
        {
            Cause = Cause.StaleStatistics,
            Verdict = "They lag behind.",
            Confidence = 0.625,
            Place = "encoder",
            Layers = ["a", "b", "c", "d", "e"],
            Evidence = [new("EmaClock", 0.25, 0.05, "A quarter is old."), new("TrainEvalGap", 2, double.NaN, "There is a gap.")],
            AlsoFound = [(Cause.Leakage, "A mask."), (Cause.Overfitting, "By heart.")],
            Cure = new("Count anew", "code"),
            Reports = [EmaClock.Measure(0.1, 5)],
            Seconds = 1.25,
        };
        Reads(
            """
            Diagnosis
            =========

            They lag behind.


            cause       running statistics lag behind
            confidence  0.63
            where       encoder
            layers      5: a, b, c, d, …
            what to do  Count anew
            1 diagnostic in 1.3 s

            evidence           figure  limit  from
            A quarter is old.    0.25   0.05  EmaClock
            There is a gap.         2         TrainEvalGap
            Also found: A mask. By heart.
            """, report);
        Reads(
            """
            Diagnosis
            =========

            They lag behind.


            cause       running statistics lag behind
            confidence  0.63
            layers      4: a, b, c, d
            1 diagnostic in 1.3 s

            evidence           figure  limit  from
            A quarter is old.    0.25   0.05  EmaClock
            There is a gap.         2         TrainEvalGap
            """, report with { Place = "", Layers = ["a", "b", "c", "d"], AlsoFound = [], Cure = null });
        Assert.Equal([true, false, false], new[] { report.IsIll, (report with { Cause = Cause.Healthy }).IsIll, (report with { Cause = Cause.NothingToDiagnose }).IsIll });
        Assert.Equal("  1.3 s  2  layer by layer", new DoctorStep(2, "layer by layer", 1.26).ToString());
    }

    [Fact]
    public void Causes_in_words()
    {
        Assert.Equal(
            [
                "healthy", "nothing to diagnose", "frozen layers train on batch statistics and predict with old ones", "frozen layers whose running statistics drift", "running statistics lag behind",
                "wrong running statistics in a few layers", "batches too small", "wrong preprocessing", "overfitting", "learning rate too high", "leakage", "unexplained gap between training and inference",
            ],
            Enum.GetValues<Cause>().Select(cause => cause.Words()));
        Assert.Equal("Wrong preprocessing", Cause.WrongPreprocessing.Heading());
        Assert.Contains("Healthy", Assert.Throws<ArgumentOutOfRangeException>(() => ((Cause)99).Words()).Message);
    }

    private static void Reads(string text, DiagnosticReport report) => Assert.Equal(text, report.ToText(), ignoreLineEndingDifferences: true);
}
