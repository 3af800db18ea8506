using UnetResnet.Data;
using UnetResnet.Diagnosis;
using UnetResnet.Normalization;
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

    private static TorchSharp.Modules.Sequential Network()
    {
        TorchSharp.Modules.Sequential net = Sequential(new ModalBatchNorm2d(3), new ModalBatchNorm2d(3), new ModalBatchNorm2d(3));
        foreach (BatchNormLayer layer in BatchNormLayer.In(net).Take(2)) layer.Weight!.requires_grad_(false);
        return net;
    }

    /// <summary>Everything is wrong: the first layer never updates, the second drifts though it is frozen, the third has numbers that are far off.</summary>
    private static MedicalChart Chart(Module<TorchSharp.torch.Tensor, TorchSharp.torch.Tensor> net, double inference)
    {
        ProbedLayer[] layers = [.. BatchNormLayer.In(net).Select((layer, place) => new ProbedLayer(layer) { Place = place, Uses = 1, ValuesPerImage = 100, BatchInTraining = true, UpdatesInTraining = place > 0 })];
        LayerDistance[] distances = [.. layers.Select((layer, place) => new LayerDistance(layer.Name, place, [ChannelDistance.Of(place == 2 ? 3 : 0, 1, 0, 1, 1e-5)]))];
        var pixels = new PreprocessingCandidate(Preprocessing.None, false, 5, 8);
        return new MedicalChart
        {
            Source = Toys.Squares(8, 8),
            Options = new DoctorOptions(),
            Trains = true,
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
                TrainingLoss = 1,
                InferenceLoss = inference,
                Metric = null,
                TrainingMetric = null,
                InferenceMetric = null,
                LargestLogitDifference = 0,
                RelativeLogitDifference = 0,
            },
            GapAtBatchSize = (1, inference),
            KnownImages = new Judgement(1, null),
            NewImages = new Judgement(2, null),
        };
    }
}
