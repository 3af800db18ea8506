using UnetResnet.Runtime;
using UnetResnet.Training;

namespace UnetResnet.Diagnosis;

/// <summary>
/// What the curves of a training alone say, without the model. Two curves cannot tell overfitting from a mismatch of batch norm; the third, the training images
/// in inference mode, can: overfitting leaves it good, a mismatch makes it as bad as validation.
/// </summary>
/// <remarks>Rules of thumb with figures, made for losses in nats (binary cross-entropy). Without the third curve the reading is a guess, and its confidence says so.</remarks>
public sealed record CurveSignature : DiagnosticReport
{
    // Limits. A healthy run of the kit has a ratio of 0.9 to 1.2 between training images in inference mode and in training mode; the disease 1.6 and more.
    private const double MismatchRatio = 1.3, OverfittingRatio = 1.4, SmallestDifference = 0.03, Explosion = 30, Jump = 1.25, Stuck = 0.95, Perfect = 0.985, FastRate = 1e-2;

    /// <inheritdoc/>
    public override string Title => "Signature of the curves";

    /// <inheritdoc/>
    public override string Finding => $"{Cause.Heading()} (confidence {NumberText.Fixed(Confidence, 2)}). {string.Join(" ", Evidence.Select(e => e.Text))}";

    /// <summary>
    /// The reading: <see cref="Cause.Healthy"/>, <see cref="Cause.FrozenBatchStatistics"/> (any mismatch that stays), <see cref="Cause.StaleStatistics"/> (one that
    /// closes), <see cref="Cause.Overfitting"/>, <see cref="Cause.Leakage"/> or <see cref="Cause.LearningRateTooHigh"/>.
    /// </summary>
    public required Cause Cause { get; init; }

    /// <summary>0 to 1: how far the deciding figure is beyond its limit, less where the third curve is missing.</summary>
    public required double Confidence { get; init; }

    /// <summary>The observations that decided, the strongest first.</summary>
    public required IReadOnlyList<Evidence> Evidence { get; init; }

    /// <summary>Number of epochs read.</summary>
    public required int Epochs { get; init; }

    internal override IReadOnlyList<TextTable> Tables =>
        [new(["observation", "value", "limit"], [.. Evidence.Select(e => (IReadOnlyList<string>)[e.Text, NumberText.Short(e.Value), NumberText.Short(e.Limit)])], [false, true, true])];

    /// <summary>Reads a history.</summary>
    /// <param name="history">At least one epoch; three or more say something.</param>
    /// <exception cref="ArgumentException">The history is empty.</exception>
    public static CurveSignature Measure(TrainingHistory history)
    {
        ArgumentNullException.ThrowIfNull(history);
        if (history.Count == 0) throw new ArgumentException("Expected a history of at least one epoch, got an empty one. Train first, or pass no history.", nameof(history));
        var curves = new Curves(history);
        return LearningRate(curves) ?? Mismatch(curves) ?? Leakage(curves) ?? Overfitting(curves) ?? new CurveSignature
        {
            Cause = Cause.Healthy,
            Confidence = (curves.HasThird ? 0.9 : 0.5) * (curves.Count >= 3 ? 1 : 0.5),
            Epochs = curves.Count,
            Evidence = [Healthy(curves)],
        };
    }

    private static CurveSignature? LearningRate(Curves curves)
    {
        var evidence = new List<Evidence>();
        double confidence = 0;
        void Note(double value, double limit, string text)
        {
            evidence.Add(new(nameof(CurveSignature), value, limit, text));
            confidence = Math.Max(confidence, Certainty(value, limit));
        }

        if (curves.Training.FirstOrDefault(t => !double.IsFinite(t), 0) != 0) Note(double.PositiveInfinity, Explosion, "The training loss became NaN or infinite.");
        (double highest, int epoch) = curves.Inference.Select((loss, i) => (double.IsFinite(loss) ? loss : double.PositiveInfinity, i + 1)).Max();
        if (highest > Explosion && (curves.HighestRate >= FastRate || highest > 100 * Explosion)) Note(highest, Explosion, $"In inference mode the loss reached {NumberText.Short(highest)} in epoch {epoch}, far above what a wrong prediction costs: the weights moved faster than anything could follow.");
        int rises = curves.Training.Zip(curves.Training.Skip(1)).Count(pair => pair.Second > Jump * pair.First);
        if (rises >= 2 && rises >= 0.25 * (curves.Count - 1)) Note(rises, 0.25 * (curves.Count - 1), $"The training loss jumped by more than a quarter in {rises} of {curves.Count - 1} epochs.");
        double fall = curves.Training[^1] / curves.Training[0];
        if (curves.Count >= 3 && fall > Stuck && curves.Training[^1] > 0.1 && curves.HighestRate >= FastRate)
            Note(fall, Stuck, $"The training loss did not fall (from {NumberText.Fixed(curves.Training[0], 3)} to {NumberText.Fixed(curves.Training[^1], 3)}) at a learning rate of {NumberText.Short(curves.HighestRate)}.");
        if (evidence.Count == 0) return null;
        if (curves.HighestRate >= FastRate) evidence.Add(new(nameof(CurveSignature), curves.HighestRate, FastRate, $"The learning rate was {NumberText.Short(curves.HighestRate)}; Adam is usually run at 1e-3."));
        return new CurveSignature { Cause = Cause.LearningRateTooHigh, Confidence = confidence, Evidence = evidence, Epochs = curves.Count };
    }

    private static CurveSignature? Mismatch(Curves curves)
    {
        (double training, double inference, double validation) = (curves.Training[^1], curves.Inference[^1], curves.Validation[^1]);
        if (!curves.HasThird)
        {
            // Overfitting rises late; a mismatch shows in the first third, or the network is worse than always saying "one half".
            bool early = curves.Count >= 3 && curves.BestEpoch <= Math.Max(1, curves.Count / 3) && validation > OverfittingRatio * training + SmallestDifference;
            bool absurd = curves.AreMasks && validation > Math.Log(2) && validation > 2 * training;
            if (!early && !absurd) return null;
            return new CurveSignature
            {
                Cause = Cause.FrozenBatchStatistics,
                Confidence = absurd ? 0.55 : 0.45,
                Epochs = curves.Count,
                Evidence = [new(nameof(CurveSignature), validation / training, OverfittingRatio, $"The validation loss is {NumberText.Fixed(validation, 3)} against {NumberText.Fixed(training, 3)} in training{(absurd ? ", worse than always predicting one half (0.693)" : $", and was best in epoch {curves.BestEpoch} of {curves.Count}")}. Score the training images in inference mode to be sure.")],
            };
        }

        double ratio = inference / training;
        if (ratio < MismatchRatio || inference - training < SmallestDifference) return null;
        var evidence = new List<Evidence>
        {
            new(nameof(CurveSignature), ratio, MismatchRatio, $"The training images themselves cost {NumberText.Fixed(inference, 3)} in inference mode and {NumberText.Fixed(training, 3)} in training mode, {NumberText.Fixed(ratio, 1)} times as much: that is not overfitting."),
        };
        (double widest, int epoch) = curves.Gaps.Select((gap, i) => (gap, i + 1)).Max();
        double left = curves.Gaps[^1] / widest;
        bool closing = curves.Count >= 3 && left < 0.6 && curves.Gaps[^1] < curves.Gaps[^2];
        if (closing) evidence.Add(new(nameof(CurveSignature), left, 0.6, $"The gap was {NumberText.Fixed(widest, 3)} in epoch {epoch} and is {NumberText.Fixed(curves.Gaps[^1], 3)} now: running statistics are catching up."));
        double alike = validation / inference;
        if (alike is > 0.5 and < 2) evidence.Add(new(nameof(CurveSignature), alike, double.NaN, $"Validation ({NumberText.Fixed(validation, 3)}) is as bad as the training images in inference mode, so the mode is to blame and not the images."));
        return new CurveSignature { Cause = closing ? Cause.StaleStatistics : Cause.FrozenBatchStatistics, Confidence = Certainty(ratio, MismatchRatio), Evidence = evidence, Epochs = curves.Count };
    }

    private static CurveSignature? Leakage(Curves curves)
    {
        if (curves.Count < 2) return null;
        int early = Math.Min(3, curves.Count) - 1;
        double iou = curves.ValidationIoU[early], difference = curves.HasThird ? Math.Abs(curves.ValidationIoU[^1] - curves.InferenceIoU[^1]) : 0;
        if (!(iou >= Perfect) || difference > 0.01) return null;
        return new CurveSignature
        {
            Cause = Cause.Leakage,
            Confidence = curves.HasThird ? 0.6 : 0.5,
            Epochs = curves.Count,
            Evidence = [new(nameof(CurveSignature), iou, Perfect, $"The validation IoU was {NumberText.Fixed(iou, 3)} in epoch {early + 1} already{(curves.HasThird ? $" and differs from that on the training images by {NumberText.Fixed(difference, 3)}" : "")}: too good. Look for training images among the validation images, and for the mask in the image.")],
        };
    }

    private static CurveSignature? Overfitting(Curves curves)
    {
        double validation = curves.Validation[^1], known = curves.HasThird ? curves.Inference[^1] : curves.Training[^1], ratio = validation / known, risen = validation / curves.Validation.Min();
        if (ratio < OverfittingRatio || validation - known < SmallestDifference) return null;
        return new CurveSignature
        {
            Cause = Cause.Overfitting,
            Confidence = Certainty(ratio, OverfittingRatio) * (curves.HasThird ? 1 : 0.7),
            Epochs = curves.Count,
            Evidence =
            [
                new(nameof(CurveSignature), ratio, OverfittingRatio, curves.HasThird
                    ? $"The training images cost {NumberText.Fixed(known, 3)} in inference mode too, the validation images {NumberText.Fixed(validation, 3)}, {NumberText.Fixed(ratio, 1)} times as much: the network knows its training images by heart."
                    : $"Training costs {NumberText.Fixed(known, 3)}, validation {NumberText.Fixed(validation, 3)}, {NumberText.Fixed(ratio, 1)} times as much."),
                .. risen > 1.02 ? new[] { new Evidence(nameof(CurveSignature), risen, 1, $"The validation loss was lowest in epoch {curves.BestEpoch} and has risen by {NumberText.Percent(risen - 1)} since.") } : [],
            ],
        };
    }

    private static Evidence Healthy(Curves curves) => curves.HasThird
        ? new(nameof(CurveSignature), curves.Inference[^1] / curves.Training[^1], MismatchRatio, $"Training {NumberText.Fixed(curves.Training[^1], 3)}, the same images in inference mode {NumberText.Fixed(curves.Inference[^1], 3)}, validation {NumberText.Fixed(curves.Validation[^1], 3)}: they agree.")
        : new(nameof(CurveSignature), curves.Validation[^1] / curves.Training[^1], OverfittingRatio, $"Training {NumberText.Fixed(curves.Training[^1], 3)}, validation {NumberText.Fixed(curves.Validation[^1], 3)}: they agree.");

    /// <summary>½ at the limit, towards 1 beyond it.</summary>
    internal static double Certainty(double value, double limit) => double.IsPositiveInfinity(value) ? 1 : Math.Clamp(1 - 0.5 * Math.Pow(limit / value, 2), 0.5, 0.99);

    /// <summary>The columns of a history; where the training images were not scored in inference mode, validation stands in for them.</summary>
    private sealed class Curves(TrainingHistory history)
    {
        public bool HasThird { get; } = history.All(e => e.TrainingInInferenceMode.Figures.Count > 0 || !double.IsNaN(e.TrainingInInferenceMode.Loss));

        public int Count => history.Count;

        /// <summary>Whether the scores are those of masks of foreground, for which one half is a prediction that says nothing.</summary>
        public bool AreMasks { get; } = !double.IsNaN(history[^1].Validation.Dice);

        public double[] Training { get; } = [.. history.Select(e => e.Training.Loss)];

        public double[] Validation { get; } = [.. history.Select(e => e.Validation.Loss)];

        public double[] ValidationIoU { get; } = [.. history.Select(e => e.Validation.IoU)];

        public double[] InferenceIoU { get; } = [.. history.Select(e => e.TrainingInInferenceMode.IoU)];

        public double[] Inference => HasThird ? [.. history.Select(e => e.TrainingInInferenceMode.Loss)] : Validation;

        public double[] Gaps => [.. Inference.Zip(Training, (i, t) => i - t)];

        public int BestEpoch { get; } = history.Best.Epoch;

        public double HighestRate { get; } = history.Max(e => e.LearningRate);
    }
}
