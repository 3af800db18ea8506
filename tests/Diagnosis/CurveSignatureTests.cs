using UnetResnet.Diagnosis;
using UnetResnet.Notebooks;
using UnetResnet.Training;

namespace UnetResnet.Tests.Diagnosis;

/// <summary>Histories as they were measured (MRI slices at 64×64, quarter width), rounded and thinned out.</summary>
public class CurveSignatureTests
{
    public static TheoryData<Cause, double[], double[], double[], double> Runs => new()
    {
        // cause, training, training images in inference mode, validation, learning rate
        { Cause.FrozenBatchStatistics, [0.79, 0.43, 0.36, 0.31, 0.32, 0.26, 0.28], [0.51, 0.39, 0.33, 0.36, 0.38, 0.37, 0.41], [0.40, 0.32, 0.29, 0.35, 0.41, 0.42, 0.44], 2e-3 },
        { Cause.Healthy, [0.77, 0.43, 0.36, 0.30, 0.32, 0.26, 0.28], [0.93, 1.27, 0.54, 0.36, 0.26, 0.24, 0.24], [0.74, 0.97, 0.47, 0.35, 0.26, 0.25, 0.24], 2e-3 },
        { Cause.Healthy, [0.80, 0.50, 0.41, 0.36], [0.65, 0.48, 0.46, 0.39], [0.61, 0.42, 0.40, 0.36], 1e-3 },
        { Cause.FrozenBatchStatistics, [0.77, 0.44, 0.37, 0.32, 0.31], [0.50, 14, 35, 59, 54], [0.46, 14, 36, 63, 54], 2e-3 },
        { Cause.StaleStatistics, [0.60, 0.41, 0.39, 0.37, 0.35], [0.88, 4.4, 2.0, 0.88, 0.53], [0.7, 3.9, 2.1, 0.85, 0.50], 3e-3 },
        { Cause.LearningRateTooHigh, [1.06, 0.48, 0.33, 0.23, 0.17], [5548, 39, 35, 14, 1.8], [6351, 43, 35, 17, 2.3], 0.3 },
        { Cause.LearningRateTooHigh, [0.70, 1.40, 0.65, 0.90, 0.66], [0.9, 1.3, 0.8, 1.0, 0.8], [0.9, 1.4, 0.8, 1.0, 0.9], 0.1 },
        { Cause.LearningRateTooHigh, [0.70, 0.60, double.NaN], [0.7, 0.6, double.NaN], [0.7, 0.6, double.NaN], 1e-3 },
        { Cause.Overfitting, [1.00, 0.43, 0.28, 0.20, 0.15], [1.10, 0.50, 0.27, 0.19, 0.14], [0.80, 0.35, 0.24, 0.26, 0.27], 3e-3 },
    };

    [Theory]
    [MemberData(nameof(Runs))]
    public void A_run_is_read(Cause cause, double[] training, double[] inference, double[] validation, double rate)
    {
        CurveSignature signature = CurveSignature.Measure(History(training, inference, validation, rate));
        Assert.Equal(cause, signature.Cause);
        Assert.InRange(signature.Confidence, 0.5, 1);
        Assert.NotEmpty(signature.Evidence);
        Assert.Equal(training.Length, signature.Epochs);
        Assert.StartsWith(cause.Words(), signature.Finding, StringComparison.OrdinalIgnoreCase);
        Assert.Equal("bar", (string?)ChartFigure.Of(signature.Chart())["data"]![0]!["type"]);
    }

    [Fact]
    public void Without_the_third_curve_a_mismatch_is_a_guess_and_says_so()
    {
        double[] none = [double.NaN, double.NaN, double.NaN, double.NaN, double.NaN, double.NaN];
        CurveSignature early = CurveSignature.Measure(History([0.8, 0.4, 0.35, 0.3, 0.28, 0.26], none, [0.40, 0.29, 0.35, 0.40, 0.42, 0.44], 1e-3));
        Assert.Equal(Cause.FrozenBatchStatistics, early.Cause);
        Assert.True(early.Confidence < 0.6);
        Assert.Contains("in inference mode to be sure", early.Finding);
        CurveSignature late = CurveSignature.Measure(History([0.8, 0.4, 0.3, 0.2, 0.15, 0.1], none, [0.7, 0.4, 0.32, 0.28, 0.27, 0.3], 1e-3));
        Assert.Equal(Cause.Overfitting, late.Cause);
    }

    [Fact]
    public void Too_good_too_early_is_suspected_of_leakage()
    {
        var history = new TrainingHistory(Enumerable.Range(1, 4).Select(e => new EpochRecord(e, new(0.2 / e, 0.97, 0.98), new(0.1 / e, 0.99, 0.995), new(0.1 / e, 0.99, 0.995), 1e-3, 1)));
        CurveSignature signature = CurveSignature.Measure(history);
        Assert.Equal(Cause.Leakage, signature.Cause);
        Assert.True(signature.Confidence < 0.7);
    }

    /// <summary>1 − ½(limit/value)², between ½ and 0.99.</summary>
    [Theory]
    [InlineData(0.1, 0.5)]
    [InlineData(1.3, 0.5)]
    [InlineData(2.6, 0.875)]
    [InlineData(6.5, 0.98)]
    [InlineData(130, 0.99)]
    [InlineData(double.PositiveInfinity, 1)]
    public void Certainty_grows_with_the_distance_from_the_limit(double value, double expected) => Assert.Equal(expected, CurveSignature.Certainty(value, 1.3), 1e-12);

    public static TheoryData<Cause, double, double[], double[], double[], double> Confidences => new()
    {
        // cause, confidence, training, training images in inference mode, validation, learning rate
        { Cause.FrozenBatchStatistics, 0.875, [0.9, 0.6, 0.5], [1.3, 1.3, 1.3], [1.3, 1.3, 1.3], 1e-3 }, // ratio 2.6, twice the limit of 1.3
        { Cause.Overfitting, 0.875, [0.9, 0.6, 0.5], [0.9, 0.6, 0.5], [1.4, 1.4, 1.4], 1e-3 },           // ratio 2.8, twice 1.4
        { Cause.Overfitting, 0.6125, [0.9, 0.4, 0.2], [], [0.7, 0.5, 0.56], 1e-3 },                      // 0.7 of it without the third curve
        { Cause.LearningRateTooHigh, 0.875, [0.9, 0.6, 0.5], [60, 60, 60], [60, 60, 60], 1e-2 },         // twice 30
        { Cause.LearningRateTooHigh, 1, [0.9, double.NaN], [0.9, 0.9], [0.9, 0.9], 1e-3 },
        { Cause.Healthy, 0.9, [0.9, 0.6, 0.5], [0.9, 0.6, 0.5], [0.9, 0.6, 0.5], 1e-3 },
        { Cause.Healthy, 0.45, [0.6, 0.5], [0.6, 0.5], [0.6, 0.5], 1e-3 },
        { Cause.Healthy, 0.5, [0.9, 0.6, 0.5], [], [0.9, 0.6, 0.5], 1e-3 },
    };

    [Theory]
    [MemberData(nameof(Confidences))]
    public void The_confidence_is_the_certainty_of_the_deciding_figure(Cause cause, double confidence, double[] training, double[] inference, double[] validation, double rate)
    {
        if (inference.Length == 0) inference = [.. training.Select(_ => double.NaN)];
        CurveSignature signature = CurveSignature.Measure(History(training, inference, validation, rate));
        Assert.Equal(cause, signature.Cause);
        Assert.Equal(confidence, signature.Confidence, 1e-9);
    }

    [Fact]
    public void The_finding_tells_every_figure()
    {
        double[] none = [double.NaN, double.NaN, double.NaN];
        void Reads(string finding, TrainingHistory history) => Assert.Equal(finding, CurveSignature.Measure(history).Finding);
        Reads("Frozen layers train on batch statistics and predict with old ones (confidence 0.88). The training images themselves cost 1.300 in inference mode and 0.500 in training mode, 2.6 times as much: that is not overfitting. Validation (1.300) is as bad as the training images in inference mode, so the mode is to blame and not the images.",
            History([0.9, 0.6, 0.5], [1.3, 1.3, 1.3], [1.3, 1.3, 1.3], 1e-3));
        Reads("Running statistics lag behind (confidence 0.63). The training images themselves cost 0.530 in inference mode and 0.350 in training mode, 1.5 times as much: that is not overfitting. The gap was 3.990 in epoch 2 and is 0.180 now: running statistics are catching up. Validation (0.500) is as bad as the training images in inference mode, so the mode is to blame and not the images.",
            History([0.60, 0.41, 0.35], [0.88, 4.4, 0.53], [0.7, 3.9, 0.50], 3e-3));
        Reads("Frozen layers train on batch statistics and predict with old ones (confidence 0.45). The validation loss is 0.600 against 0.250 in training, and was best in epoch 1 of 3. Score the training images in inference mode to be sure.",
            History([0.8, 0.3, 0.25], none, [0.40, 0.5, 0.6], 1e-3));
        Reads("Frozen layers train on batch statistics and predict with old ones (confidence 0.55). The validation loss is 0.750 against 0.250 in training, worse than always predicting one half (0.693). Score the training images in inference mode to be sure.",
            History([0.8, 0.3, 0.25], none, [0.8, 0.9, 0.75], 1e-3));
        Reads("Overfitting (confidence 0.88). The training images cost 0.500 in inference mode too, the validation images 1.400, 2.8 times as much: the network knows its training images by heart. The validation loss was lowest in epoch 2 and has risen by 75 % since.",
            History([0.9, 0.6, 0.5], [0.9, 0.6, 0.5], [1.0, 0.8, 1.4], 1e-3));
        Reads("Overfitting (confidence 0.61). Training costs 0.200, validation 0.560, 2.8 times as much. The validation loss was lowest in epoch 2 and has risen by 12 % since.",
            History([0.9, 0.4, 0.2], none, [0.7, 0.5, 0.56], 1e-3));
        Reads("Healthy (confidence 0.90). Training 0.500, the same images in inference mode 0.500, validation 0.550: they agree.",
            History([0.9, 0.6, 0.5], [0.9, 0.6, 0.5], [0.9, 0.6, 0.55], 1e-3));
        Reads("Healthy (confidence 0.50). Training 0.500, validation 0.550: they agree.",
            History([0.9, 0.6, 0.5], none, [0.9, 0.6, 0.55], 1e-3));
        Reads("Learning rate too high (confidence 0.94). In inference mode the loss reached 90 in epoch 3, far above what a wrong prediction costs: the weights moved faster than anything could follow. The learning rate was 0.01; Adam is usually run at 1e-3.",
            History([0.9, 0.6, 0.5], [60, 60, 90], [60, 60, 60], 1e-2));
        Reads("Learning rate too high (confidence 0.88). The training loss jumped by more than a quarter in 2 of 4 epochs. The learning rate was 0.1; Adam is usually run at 1e-3.",
            History([0.70, 1.40, 0.65, 0.90, 0.66], [0.9, 1.3, 0.8, 1.0, 0.8], [0.9, 1.4, 0.8, 1.0, 0.9], 0.1));
        Reads("Learning rate too high (confidence 0.54). The training loss did not fall (from 0.700 to 0.690) at a learning rate of 0.1. The learning rate was 0.1; Adam is usually run at 1e-3.",
            History([0.70, 0.69, 0.69], [0.7, 0.7, 0.7], [0.7, 0.7, 0.7], 0.1));
        Reads("Learning rate too high (confidence 1.00). The training loss became NaN or infinite.",
            History([0.9, double.NaN], [0.9, 0.9], [0.9, 0.9], 1e-3));
        Reads("Leakage (confidence 0.60). The validation IoU was 0.990 in epoch 3 already and differs from that on the training images by 0.005: too good. Look for training images among the validation images, and for the mask in the image.",
            new TrainingHistory(Enumerable.Range(1, 4).Select(e => new EpochRecord(e, new(0.2 / e, 0.97, 0.98), new(0.1 / e, 0.99, 0.995), new(0.1 / e, 0.985, 0.995), 1e-3, 1))));
    }

    [Fact]
    public void An_empty_history_is_told() =>
        Assert.Contains("at least one epoch", Assert.Throws<ArgumentException>(() => CurveSignature.Measure(new TrainingHistory())).Message);

    private static TrainingHistory History(double[] training, double[] inference, double[] validation, double rate) =>
        new(training.Select((t, i) => new EpochRecord(
            i + 1, new(t, 0.8, 0.9), new(validation[i], 0.7, 0.8), inference.All(double.IsNaN) ? new(double.NaN, []) : new(inference[i], double.IsNaN(inference[i]) ? double.NaN : 0.7, 0.8), rate, 1)));
}
