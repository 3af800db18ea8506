using UnetResnet.Diagnosis;
using UnetResnet.Training;

namespace UnetResnet.Tests.Diagnosis;

/// <summary>What a reader sees of reports whose figures are made up: every sentence, its singular and plural, and every column.</summary>
public class ReportTextTests
{
    private static readonly TrainEvalGap Gap = new()
    {
        Images = 8,
        Layers = 5,
        SwitchingLayers = 3,
        TrainingLoss = 0.25,
        InferenceLoss = 1.75,
        Metric = "IoU",
        TrainingMetric = 0.875,
        InferenceMetric = 0.25,
        LargestLogitDifference = 12.5,
        RelativeLogitDifference = 1.5,
        Notes = ["One layer is used twice.", "Another is not used."],
    };

    [Fact]
    public void Gap_between_training_and_inference()
    {
        Reads(
            """
            Training against inference on one batch
            =======================================

            Same 8 images, same weights: the loss is 0.25 with the statistics of the batch and 1.75 with the running ones, IoU 0.875 and 0.25. A logit differs by up to 12.5; 3 of 5 batch-norm layers switch.

                                           as in training  as in inference  difference
            loss                                     0.25             1.75         1.5
            IoU                                     0.875             0.25      -0.625
            largest logit difference                                              12.5
            RMS logit difference ÷ spread                                          1.5

            Note: One layer is used twice.

            Note: Another is not used.
            """, Gap);
        Assert.Equal("Same 8 images, same weights: the loss is 0.25 with the statistics of the batch and 1.75 with the running ones. A logit differs by up to 12.5; 3 of 5 batch-norm layers switch.",
            (Gap with { TrainingMetric = null, InferenceMetric = null }).Finding);
        Assert.Equal("None of the 5 batch-norm layers differs between training and inference, so there is no gap: the loss is 0.25 in both.", (Gap with { SwitchingLayers = 0 }).Finding);
    }

    private static ModeMatrix Matrix(bool dropout, Figure? figure) => new()
    {
        Encoder = "encoder",
        EncoderLayers = 53,
        DecoderLayers = 10,
        Cells = [.. (dropout ? new[] { true, false } : [false]).SelectMany(on => new[] { (true, true), (true, false), (false, true), (false, false) }.Select(
            (batch, i) => new ModeCell(batch.Item1, batch.Item2, on, new[] { 0.5, 0.4375, 2, 3.5 }[i] + (on ? 0.125 : 0), figure)))],
    };

    [Fact]
    public void Switches_and_their_shares()
    {
        Reads(
            """
            Which switch makes the gap
            ==========================

            From training to inference the loss goes from 0.625 to 3.5. Switched one after the other, dropout changes it by -0.125, the other batch norm by -0.0625, and batch norm in the encoder, last, by +3.063.

            encoder batch norm  other batch norm  dropout    loss   IoU
            batch               batch             on        0.625  0.75
            batch               running           on       0.5625  0.75
            running             batch             on        2.125  0.75
            running             running           on        3.625  0.75
            batch               batch             off         0.5  0.75
            batch               running           off      0.4375  0.75
            running             batch             off           2  0.75
            running             running           off         3.5  0.75

            switch              layers  effect on the loss
            encoder batch norm      53              +3.063
            other batch norm        10             -0.0625
            dropout                                 -0.125
            together                                +2.875
            """, Matrix(dropout: true, new Figure("IoU", 0.75)));
        Reads(
            """
            Which switch makes the gap
            ==========================

            From training to inference the loss goes from 0.5 to 3.5. Switched one after the other, dropout changes it by 0, the other batch norm by -0.0625, and batch norm in the encoder, last, by +3.063.

            encoder batch norm  other batch norm  dropout    loss
            batch               batch             off         0.5
            batch               running           off      0.4375
            running             batch             off           2
            running             running           off         3.5

            switch              layers  effect on the loss
            encoder batch norm      53              +3.063
            other batch norm        10             -0.0625
            dropout                                      0
            together                                    +3
            """, Matrix(dropout: false, null));
        Reads(
            """
            Shares of the gap
            =================

            Of the gap +2.875, batch norm in the encoder makes +2.281, the other batch norm makes +0.7188, dropout makes -0.125 on average over all orders of switching. Each switched alone, they make +1.313 together; the other +1.563 is interaction.

            switch                     switched first  switched last  Shapley value  share of the gap
            batch norm in the encoder            +1.5         +3.063         +2.281              79 %
            the other batch norm              -0.0625           +1.5        +0.7188              25 %
            dropout                            -0.125         -0.125         -0.125              -4 %
            together                           +1.313         +4.438         +2.875             100 %
            """, ModeShares.Measure(Matrix(dropout: true, null)));
    }

    private static LayerEffect Effect(int place, double harm, double errors, bool whole = true) => new(
        $"encoder.bn{place % 4 + 2}a_branch2a", place, $"encoder stage {place % 4 + 2}", harm, 0.5 + harm, whole ? 1 : double.NaN, whole ? 1.25 : double.NaN, 0.5, 0.75, errors);

    private static LayerAttribution Attribution(params LayerEffect[] layers) => new()
    {
        Images = 6,
        TrainingLoss = 0.5,
        InferenceLoss = 2,
        Distance = 3,
        Layers = layers,
        Bisection = new AttributionBisection("encoder.bn3a_branch2a", 1, 4, 2, 1),
        Forwards = 9,
    };

    [Fact]
    public void Harm_of_the_layers()
    {
        Reads(
            """
            Which layers make the gap
            =========================

            3 of 4 layers have running statistics farther from the batch's than sampling explains. Alone on its running statistics, 'encoder.bn3a_branch2a' moves the output most: by 1.5 standard deviations of the logits (all 4 layers together 3). The part that does most is encoder stage 3 (1 layer). Half of the gap is made by the layers up to 'encoder.bn3a_branch2a', found with 4 forward passes.

            layer                  place  standard errors  alone on running statistics: distance  loss  alone on batch statistics: distance  loss
            encoder.bn3a_branch2a      2                4                                    1.5     2                                    1  1.25
            encoder.bn4a_branch2a      3                9                                   0.75  1.25                                    1  1.25
            encoder.bn4a_branch2a      7                9                                    0.5     1                                    1  1.25
            encoder.bn2a_branch2a      1                2                                   0.25  0.75                                    1  1.25
            Loss with all layers on batch statistics 0.5, on running statistics 2.

            part             layers    harm  added to the loss
            encoder stage 2       1    0.25               0.25
            encoder stage 3       1     1.5                1.5
            encoder stage 4       2  0.9014               1.25
            """, Attribution(Effect(0, 0.25, 2), Effect(1, 1.5, 4), Effect(2, 0.75, 9), Effect(6, 0.5, 9)));
        Reads(
            """
            Which layers make the gap
            =========================

            No layer's running statistics differ from the batch's by more than sampling explains. Alone on its running statistics, 'encoder.bn2a_branch2a' moves the output most: by 0.125 standard deviations of the logits (all 13 layers together 3). The part that does most is encoder stage 2 (4 layers).

            layer                  place  standard errors  alone on running statistics: distance   loss
            encoder.bn2a_branch2a      1                1                                  0.125  0.625
            encoder.bn3a_branch2a      2                1                                  0.125  0.625
            encoder.bn4a_branch2a      3                1                                  0.125  0.625
            encoder.bn5a_branch2a      4                1                                  0.125  0.625
            encoder.bn2a_branch2a      5                1                                  0.125  0.625
            encoder.bn3a_branch2a      6                1                                  0.125  0.625
            encoder.bn4a_branch2a      7                1                                  0.125  0.625
            encoder.bn5a_branch2a      8                1                                  0.125  0.625
            encoder.bn2a_branch2a      9                1                                  0.125  0.625
            encoder.bn3a_branch2a     10                1                                  0.125  0.625
            encoder.bn4a_branch2a     11                1                                  0.125  0.625
            encoder.bn5a_branch2a     12                1                                  0.125  0.625
            Loss with all layers on batch statistics 0.5, on running statistics 2. … 1 more layer

            part             layers    harm  added to the loss
            encoder stage 2       4    0.25                0.5
            encoder stage 3       3  0.2165              0.375
            encoder stage 4       3  0.2165              0.375
            encoder stage 5       3  0.2165              0.375
            """, Attribution([.. Enumerable.Range(0, 13).Select(i => Effect(i, 0.125, 1, whole: false))]) with { Bisection = null });
        Reads(
            """
            Which layers make the gap
            =========================

            No batch-norm layer differs between training and inference, so none makes a gap.
            """, Attribution() with { Bisection = null });
    }

    private static LayerShares Shares(params (double Value, double Error)[] layers) => new()
    {
        Images = 4,
        Pairs = 8,
        TrainingLoss = 0.5,
        InferenceLoss = 0.5 + layers.Sum(l => l.Value),
        Layers = [.. layers.Select((l, i) => new LayerShare($"part.layer{i}", i, "part", 0.125 * i, 0.25 * i, new ShapleyValue(l.Value, l.Error)))],
    };

    [Fact]
    public void Shares_of_the_layers()
    {
        Reads(
            """
            Shares of the layers
            ====================

            The gap of 1 is divided among 3 layers; 1 of them has a share beyond the noise of 16 orders. The largest is that of 'part.layer1': 0.875 ± 0.0625. Alone on running statistics it adds 0.125; back on batch statistics, alone, it takes away 0.25.

            layer        alone  all but it  Shapley value  ± standard error
            part.layer1  0.125        0.25          0.875            0.0625
            part.layer0      0           0          0.125            0.0625
            part.layer2   0.25         0.5              0              0.25
            Loss with all layers on batch statistics 0.5, on running statistics 1.5; 4 images.
            """, Shares((0.125, 0.0625), (0.875, 0.0625), (0, 0.25)));
        Reads(
            """
            Shares of the layers
            ====================

            The gap of 6.5 is divided among 13 layers; 13 of them have a share beyond the noise of 16 orders. 13 lead, and noise hides which is first; the highest is that of 'part.layer0': 0.5 ± 0.125. Alone on running statistics it adds 0; back on batch statistics, alone, it takes away 0.

            layer         alone  all but it  Shapley value  ± standard error
            part.layer0       0           0            0.5             0.125
            part.layer1   0.125        0.25            0.5             0.125
            part.layer2    0.25         0.5            0.5             0.125
            part.layer3   0.375        0.75            0.5             0.125
            part.layer4     0.5           1            0.5             0.125
            part.layer5   0.625        1.25            0.5             0.125
            part.layer6    0.75         1.5            0.5             0.125
            part.layer7   0.875        1.75            0.5             0.125
            part.layer8       1           2            0.5             0.125
            part.layer9   1.125        2.25            0.5             0.125
            part.layer10   1.25         2.5            0.5             0.125
            part.layer11  1.375        2.75            0.5             0.125
            Loss with all layers on batch statistics 0.5, on running statistics 7; 4 images. … 1 more layer
            """, Shares([.. Enumerable.Repeat((0.5, 0.125), 13)]));
        Reads(
            """
            Shares of the layers
            ====================

            No layer differs between training and inference, so there is no gap to divide.
            """, Shares());
    }

    [Fact]
    public void Drift_of_the_features()
    {
        static FeatureDrift Feature(string name, int place, double distance, bool skip = false, double? dead = null) => new(name, place, skip, distance, 0.75, 0.875, dead / 2, dead, 0.5 * dead, 0.75 * dead);
        static ActivationDrift Drift(params FeatureDrift[] features) => new() { Images = 4, Features = features };
        Reads(
            """
            How far the features drift
            ==========================

            The relative distance between training and inference is 0.25 after 'relu', 2 at most (after 'encoder.activation_10') and 1.5 at the output, where the cosine is 0.75. Up to 25 % of a map's channels are dead in inference only.

            features after                relative distance  cosine    CKA  dead channels in training  in inference  zero values in training  in inference
            relu                                       0.25    0.75  0.875                          —             —                        —             —
            encoder.activation_10 (skip)                  2    0.75  0.875                       25 %          50 %                     25 %          38 %
            output                                      1.5    0.75  0.875                          —             —                        —             —
            """, Drift(Feature("relu", 0, 0.25), Feature("encoder.activation_10", 1, 2, skip: true, dead: 0.5), Feature("output", 2, 1.5)));
        Reads(
            """
            How far the features drift
            ==========================

            The relative distance between training and inference is 1 after 'f0', 1 at most (after 'f0') and 1 at the output, where the cosine is 0.75.

            features after  relative distance  cosine    CKA  dead channels in training  in inference  zero values in training  in inference
            f0                              1    0.75  0.875                          —             —                        —             —
            f2                              1    0.75  0.875                          —             —                        —             —
            f4                              1    0.75  0.875                          —             —                        —             —
            f5 (skip)                       1    0.75  0.875                          —             —                        —             —
            f7                              1    0.75  0.875                          —             —                        —             —
            f9                              1    0.75  0.875                          —             —                        —             —
            f11                             1    0.75  0.875                          —             —                        —             —
            f13                             1    0.75  0.875                          —             —                        —             —
            f15                             1    0.75  0.875                          —             —                        —             —
            f18                             1    0.75  0.875                          —             —                        —             —
            f20                             1    0.75  0.875                          —             —                        —             —
            f22                             1    0.75  0.875                          —             —                        —             —
            f24                             1    0.75  0.875                          —             —                        —             —
            f27                             1    0.75  0.875                          —             —                        —             —
            f29                             1    0.75  0.875                          —             —                        —             —
            f31                             1    0.75  0.875                          —             —                        —             —
            f33                             1    0.75  0.875                          —             —                        —             —
            f35                             1    0.75  0.875                          —             —                        —             —
            f38                             1    0.75  0.875                          —             —                        —             —
            f40                             1    0.75  0.875                          —             —                        —             —
            f42                             1    0.75  0.875                          —             —                        —             —
            … 22 more feature maps of 43
            """, Drift([.. Enumerable.Range(0, 43).Select(i => Feature($"f{i}", i, 1, skip: i == 5))]));
        Assert.Equal("Every feature map is the same in training and in inference.", Drift(Feature("output", 0, 0)).Finding);
    }

    [Fact]
    public void Batches_of_every_size()
    {
        BatchSizePoint[] points = [new(1, 8, 1.5, 0.25, 0.5, 0), new(2, 16, 1, 0.125, 0.25, 0.375), new(8, 1, 0.75, 0, 0, 0)];
        var report = new BatchSizeSensitivity { Images = 8, Points = points, InferenceLoss = 2.5, InferenceDistance = 1.25 };
        Reads(
            """
            How much the batch matters
            ==========================

            In batches of 1 the loss is 1.5 ± 0.25, with all 8 images in one batch 0.75; in inference 2.5. Other companions move an image's logits by 0.375 of their standard deviation at most; inference moves them by 1.25, more than any size of the batch: a larger batch cannot close the gap.

            batch  loss in training  ± between batches  logits from the whole batch's  scatter with companions
                1               1.5               0.25                            0.5                        0
                2                 1              0.125                           0.25                    0.375
                8              0.75                  0                              0                        0
            In inference: loss 2.5, logits 1.25 from the whole batch's. Exponent of the noise 1.636; sampling alone has 1.
            """, report);
        Assert.EndsWith("inference moves them by 0.5, no more than small batches do.", (report with { InferenceDistance = 0.5 }).Finding);
        Assert.Equal("The output does not depend on the size of the batch or on the other images in it.", (report with { Points = points[2..] }).Finding);
        // Two sizes give a line: ln 4 over ln(7/8 : 3/8).
        Assert.Equal(Math.Log(4) / Math.Log(7.0 / 3), report.NoiseExponent, 1e-12);
        Assert.Equal(double.NaN, (report with { Points = points[1..] }).NoiseExponent);
    }

    [Fact]
    public void Controls()
    {
        var same = new ControlExperiments { Images = new(3, 1.5), Noise = new(2, 0.75), TwinOnImages = new(1e-4, 2e-4), TwinOnNoise = new(1e-4, 0.0009), TwinError = 1e-6 };
        Reads(
            """
            Control experiments
            ===================

            Between the modes the logits of the images move by 1.5 of their spread, those of noise by 0.75. With batch norm folded away they do not move (9e-4), so batch norm is the only difference between the modes.

                                            largest logit difference  RMS ÷ spread of the logits
            images                                                 3                         1.5
            noise                                                  2                        0.75
            images, batch norm folded away                      1e-4                        2e-4
            noise, batch norm folded away                       1e-4                        9e-4
            """, same);
        ControlExperiments other = same with { TwinOnImages = new(1, 0.001) };
        Assert.False(other.TwinIsSame);
        Assert.EndsWith("With batch norm folded away they still move by 0.001: something else in the model depends on the training mode.", other.Finding);
    }

    private static void Reads(string text, DiagnosticReport report) => Assert.Equal(text, report.ToText(), ignoreLineEndingDifferences: true);
}
