using UnetResnet.Data;
using UnetResnet.Diagnosis;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using UnetResnet.Tests.Training;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Diagnosis;

/// <summary>The rules on charts that are filled in by hand.</summary>
public class DoctorRulesTests
{
    [Theory]
    [InlineData(1, 1.29, null, false)]
    [InlineData(1, 1.3, null, true)]
    [InlineData(1, 1.2, 0.09, false)]
    [InlineData(1, 1.2, 0.1, true)] // less of a ratio where the quality falls with it
    [InlineData(1, 1.09, 0.5, false)]
    [InlineData(0.05, 0.079, null, false)] // three hundredths at least, whatever the ratio
    [InlineData(0.05, 0.081, null, true)]
    [InlineData(1.3, 1, 0.5, false)]
    public void A_gap_is_three_tenths_of_the_loss_or_a_tenth_with_worse_quality(double training, double inference, double? quality, bool expected) =>
        Assert.Equal(expected, DoctorRules.IsGap(training, inference, quality));

    [Fact]
    public void Of_several_causes_the_most_telling_comes_first()
    {
        using var net = Network();
        Assert.Equal(
            [Cause.LearningRateTooHigh, Cause.WrongPreprocessing, Cause.FrozenBatchStatistics, Cause.Leakage, Cause.FrozenStatisticsDrift],
            DoctorRules.Apply(Chart(net, inference: 2)).Select(finding => finding.Cause));
        Assert.Equal(
            [Cause.LearningRateTooHigh, Cause.WrongPreprocessing, Cause.CorruptedStatistics, Cause.Leakage, Cause.FrozenStatisticsDrift, Cause.Overfitting],
            DoctorRules.Apply(Chart(net, inference: 1)).Select(finding => finding.Cause));
    }

    /// <summary>A layer that stands out explains the gap before any group does, if it closes it.</summary>
    [Theory]
    [InlineData(0.49, Cause.FrozenBatchStatistics)]
    [InlineData(0.5, Cause.CorruptedStatistics)]
    public void An_outlier_that_closes_half_of_the_gap_is_blamed_before_whole_groups(double share, Cause expected)
    {
        using var net = Network();
        MedicalChart chart = Chart(net, inference: 2);
        chart.Closed = group => group[0].Name == "2" ? share : 1;
        Assert.Equal(expected, DoctorRules.Apply(chart).ElementAt(2).Cause);
    }

    /// <summary>Of the groups of layers that close a gap the first in the forward pass is blamed, not the one that closes most of it.</summary>
    [Theory]
    [InlineData(0, Cause.FrozenBatchStatistics)]
    [InlineData(9, Cause.FrozenStatisticsDrift)]
    public void Of_the_layers_that_close_the_gap_the_first_are_blamed(int place, Cause expected)
    {
        using var net = Network();
        MedicalChart chart = Chart(net, inference: 2);
        chart.Layers[0].Place = place;
        chart.Closed = group => group[0].Name == "2" ? 0 : group[0].UpdatesInTraining == (place == 0) ? 0.9 : 0.6;
        Assert.Equal(expected, DoctorRules.Apply(chart).ElementAt(2).Cause);
    }

    /// <summary>Cause, certainty, place, layers, verdict, and each piece of evidence with its figure and limit.</summary>
    [Fact]
    public void Verdicts_name_layers_figures_and_reasons()
    {
        using var net = Network();
        Assert.Equal(
            [
                "LearningRateTooHigh 1.0000 [] [] The learning rate is too high: It jumped. < 1 1 It jumped.>",
                "WrongPreprocessing 0.9700 [0] [0] The images are preprocessed as 'none (RGB)', but '0' counted its statistics on images preprocessed as zero-to-one. <PreprocessingFingerprint 500 NaN The statistics of '0' fit 'zero-to-one (RGB)' best (distance 0.01), 500.0 times nearer than the next, 'none (RGB)'. The images are preprocessed as 'none (RGB)' (distance 5): their scale is wrong, its spread is 54.6 of the running one.>",
                "FrozenBatchStatistics 0.7887 [0] [0] The layer '0' normalises by the batch in training, never updates the running statistics, and uses these old ones in inference: the network is trained as one function and asked as another. <TrainEvalGap 2 1.3 On the same training images the loss is 1.000 with the batch's statistics and 2.000 with the running ones: no overfitting.> <layers that close the gap 1 0.5 With the batch's statistics in '0' alone, 100 % of the gap is closed.>",
                "Leakage 1.0000 [] [] The scores say nothing about new images. None of 8 validation images is among 8 training images (nearest pair: correlation 0.0000). Channel 0 of the images is the mask, up to scale and offset (R² 1.000). <LeakageScan 1 0.95 None of 8 validation images is among 8 training images (nearest pair: correlation 0.0000). Channel 0 of the images is the mask, up to scale and offset (R² 1.000).>",
                "FrozenStatisticsDrift 0.9000 [1] [1] The layer '1' is frozen (γ and β receive no gradients), but every training step moves the running statistics: the pre-trained ones are lost, and training and inference are two functions. <FreezeAudit 1 0 The layer '1' without trainable parameters updates the running statistics in training mode.>",
            ],
            DoctorRules.Apply(Chart(net, inference: 2)).Select(Text));
        Assert.Equal(
            [
                "CorruptedStatistics 0.9012 [2] [2] The running statistics of '2' are wrong, those of all other layers fit the images. The layers behind it make up for it on these images; do not rely on that. <StatisticsDistance 9 4 '2' is 3.0 standard deviations from its running statistics.>",
                "Overfitting 0.7550 [] [] The network is good on its training images in inference mode too and bad on new ones: it is overfitted, and batch norm has no part in it. <Validation 2 1.4 In inference mode the training images cost 1.000, the validation images 2.000.>",
            ],
            DoctorRules.Apply(Chart(net, inference: 1)).Select(Text).Where((_, i) => i is 2 or 5));
    }

    [Fact]
    public void What_explains_a_gap_is_told_by_its_share()
    {
        using var net = Network();
        string Third(MedicalChart chart, Func<IReadOnlyList<ProbedLayer>, double> closed)
        {
            chart.Closed = closed;
            return Text(DoctorRules.Apply(chart).ElementAt(2));
        }

        Assert.Equal("CorruptedStatistics 0.5916 [2] [2] The running statistics of '2' are wrong, those of all other layers fit the images. <TrainEvalGap 2 1.3 On the same training images the loss is 1.000 with the batch's statistics and 2.000 with the running ones: no overfitting.> <layers that close the gap 0.75 0.5 With the batch's statistics in '2' alone, 75 % of the gap is closed.> <StatisticsDistance 9 NaN '2' is 3.0 standard deviations from its running statistics.>",
            Third(Chart(net, inference: 2), _ => 0.75));
        Assert.Equal("UnexplainedGap 0.3000 [0] [0] Training and inference differ, and no group of layers explains it alone; the nearest, the layer '0', closes 25 % of the gap. <TrainEvalGap 2 1.3 On the same training images the loss is 1.000 with the batch's statistics and 2.000 with the running ones: no overfitting.> <layers that close the gap 0.25 0.5 With the batch's statistics in '0' alone, 25 % of the gap is closed.>",
            Third(Chart(net, inference: 2), _ => 0.25));
        Assert.Equal("UnexplainedGap 0.3000 [0] [0] Training and inference differ, and no group of layers explains it alone; the nearest, the layer '0', closes 25 % of the gap. <TrainEvalGap 2 1.3 On the same training images the loss is 2.000 with the batch's statistics and 4.000 with the running ones: no overfitting.> <layers that close the gap 0.25 0.5 With the batch's statistics in '0' alone, 25 % of the gap is closed.>",
            Third(Chart(net, inference: 4, training: 2), _ => 0.25));

        const string Measured = "<TrainEvalGap 2 1.3 On the same training images the loss is 1.000 with the batch's statistics and 2.000 with the running ones: no overfitting.>", Half = " <layers that close the gap 0.75 0.5 With the batch's statistics in '2' alone, 75 % of the gap is closed.>";
        static double Learning(IReadOnlyList<ProbedLayer> group) => group[0].Name == "2" ? 0.75 : 0.25;
        MedicalChart slow = Chart(net, inference: 2, steps: 100);
        slow.Clock = EmaClock.Measure(0.001, 8);
        // 0.999^100 = 0.905.
        Assert.Equal($"StaleStatistics 0.5916 [2] [2] The running statistics of the layer '2' lag behind what the network computes now: their momentum is too small for the number of steps. {Measured}{Half} <EmaClock 0.9048 0.05 90 % of the statistics from before the training are still in the running ones.>",
            Third(slow, Learning));
        MedicalChart small = Chart(net, inference: 2, steps: 100, batch: 2, values: 8);
        small.Clock = EmaClock.Measure(0.5, 4);
        Assert.Equal($"SmallBatches 0.5916 [2] [2] Batches of 2 have statistics of noise: the network learnt with them, the running average of the last few fits no image. {Measured}{Half} <BatchSizeSensitivity 16 NaN A training batch of 2 gives '2' 16 values per channel to take a variance of.> <EmaClock 7.889e-31 0.05 Of the statistics from before the training 0 % are left, but the weights moved on since the last ones were counted.>",
            Third(small, Learning));
        MedicalChart finished = Chart(net, inference: 2, steps: 100, finished: true);
        finished.Clock = EmaClock.Measure(0.001, 8);
        Assert.Equal($"StaleStatistics 0.5916 [1, 2] [1 2] The running statistics of 2 batch-norm layers do not fit these images: the network was finished on other ones. {Measured} <layers that close the gap 0.75 0.5 With the batch's statistics in these 2 layers alone, 75 % of the gap is closed.>",
            Third(finished, group => group.Count == 2 ? 0.75 : 0.25));
    }

    /// <summary>A gap at the size of the training's batches counts, if there is one and these are smaller than what the doctor looks at.</summary>
    [Theory]
    [InlineData(2, 0.5, 3, "6", "0.500", "3.000")]
    [InlineData(7, 0.5, 3, "6", "0.500", "3.000")]
    [InlineData(8, 0.5, 3, "2", "1.000", "2.000")]
    [InlineData(9, 0.5, 3, "2", "1.000", "2.000")]
    [InlineData(2, 1, 1.1, "2", "1.000", "2.000")]
    public void The_gap_of_small_training_batches_counts(int size, double training, double inference, string ratio, string better, string worse)
    {
        using var net = Network();
        MedicalChart chart = Chart(net, inference: 2, batch: size);
        chart.GapAtBatchSize = (training, inference);
        DoctorFinding finding = DoctorRules.Apply(chart).ElementAt(2);
        Assert.Equal(Cause.FrozenBatchStatistics, finding.Cause);
        Assert.Equal((ratio, $"On the same training images the loss is {better} with the batch's statistics and {worse} with the running ones: no overfitting."), (NumberText.Short(finding.Evidence[0].Value), finding.Evidence[0].Text));
        // 1 − ½ (1.3 / ratio)².
        Assert.Equal(ratio == "6" ? 0.976528 : 0.78875, finding.Confidence, 5);
    }

    private static string Text(DoctorFinding finding) =>
        $"{finding.Cause} {NumberText.Fixed(finding.Confidence, 4)} [{finding.Place}] [{string.Join(' ', finding.Layers)}] {finding.Verdict} {string.Join(' ', finding.Evidence.Select(e => $"<{e.Diagnostic} {NumberText.Short(e.Value)} {NumberText.Short(e.Limit)} {e.Text}>"))}";

    private static TorchSharp.Modules.Sequential Network()
    {
        TorchSharp.Modules.Sequential net = Sequential(new ModalBatchNorm2d(3), new ModalBatchNorm2d(3), new ModalBatchNorm2d(3));
        foreach (BatchNormLayer layer in BatchNormLayer.In(net).Take(2)) layer.Weight!.requires_grad_(false);
        return net;
    }

    /// <summary>Everything is wrong: the first layer never updates, the second drifts though it is frozen, the third has numbers that are far off.</summary>
    private static MedicalChart Chart(Module<TorchSharp.torch.Tensor, TorchSharp.torch.Tensor> net, double inference, double training = 1, int? steps = null, int batch = 8, int values = 100, bool finished = false)
    {
        ProbedLayer[] layers = [.. BatchNormLayer.In(net).Select((layer, place) => new ProbedLayer(layer) { Place = place, Uses = 1, ValuesPerImage = values, BatchInTraining = true, UpdatesInTraining = place > 0 })];
        LayerDistance[] distances = [.. layers.Select((layer, place) => new LayerDistance(layer.Name, place, [ChannelDistance.Of(place == 2 ? 3 : 0, 1, 0, 1, 1e-5)]))];
        var pixels = new PreprocessingCandidate(Preprocessing.None, false, 5, 8);
        return new MedicalChart
        {
            Source = Toys.Squares(8, batch),
            Options = new DoctorOptions { Steps = steps },
            Trains = !finished,
            InUse = finished,
            Layers = layers,
            Switching = layers,
            Closed = group => group[0].Name == "2" ? 0 : 1,
            Leakage = new LeakageScan { TrainingImages = 8, ValidationImages = 8, Duplicates = [], NearestCorrelation = 0, MaskChannel = 0, MaskR2 = 1 },
            Curves = new CurveSignature { Cause = Cause.LearningRateTooHigh, Confidence = 1, Epochs = 1, Evidence = [new("", 1, 1, "It jumped.")] },
            Fingerprint = new PreprocessingFingerprint { Layer = "0", Candidates = [new(Preprocessing.ZeroToOne, false, 0.01, 0), pixels], Used = pixels },
            Distance = new StatisticsDistance { AlongTraining = distances, AlongInference = distances, Images = 8 },
            Gap = new TrainEvalGap
            {
                Images = 8,
                Layers = 3,
                SwitchingLayers = 3,
                TrainingLoss = training,
                InferenceLoss = inference,
                Metric = null,
                TrainingMetric = null,
                InferenceMetric = null,
                LargestLogitDifference = 0,
                RelativeLogitDifference = 0,
            },
            GapAtBatchSize = (training, inference),
            KnownImages = new Judgement(1, null),
            NewImages = new Judgement(2, null),
        };
    }
}
