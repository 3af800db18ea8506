using UnetResnet.Runtime;

namespace UnetResnet.Diagnosis;

/// <summary>One cause that the figures speak for.</summary>
internal sealed record DoctorFinding(Cause Cause, string Verdict, double Confidence, IReadOnlyList<Evidence> Evidence)
{
    internal string Place { get; init; } = "";

    internal IReadOnlyList<string> Layers { get; init; } = [];
}

/// <summary>The doctor's rules: pure functions of what was measured, the most telling first.</summary>
internal static class DoctorRules
{
    /// <summary>Batches of so few images have statistics of noise in the deep layers.</summary>
    internal const int FewImages = 4;

    /// <summary>A variance of so few values is noise: with fewer than 32, a quarter of it or more (√(2/31)).</summary>
    private const int FewValues = 32;

    /// <summary>Squared distance of a layer that is wrong beyond any doubt, though it may do little harm: two standard deviations.</summary>
    private const double Absurd = 4;

    private const double GapRatio = 1.3, GapDifference = 0.03, QualityDifference = 0.1, Enough = 0.5, OverfittingRatio = 1.4;

    internal static bool IsGap(double training, double inference, double? quality) =>
        inference - training >= GapDifference && (inference >= GapRatio * training || (quality >= QualityDifference && inference >= 1.1 * training));

    /// <summary>The groups of layers whose share of the gap is asked for.</summary>
    internal static IEnumerable<IReadOnlyList<ProbedLayer>> Groups(MedicalChart chart)
    {
        yield return Outliers(chart);
        yield return NotUpdated(chart);
        yield return Drifting(chart);
        yield return Learning(chart);
    }

    internal static IEnumerable<DoctorFinding> Apply(MedicalChart chart)
    {
        if (chart.Curves is { Cause: Cause.LearningRateTooHigh } curves)
            yield return new(Cause.LearningRateTooHigh, "The learning rate is too high: " + curves.Evidence[0].Text, curves.Confidence, curves.Evidence);
        if (chart.Fingerprint is { Wrong: true } fingerprint) yield return Preprocessed(fingerprint);
        if (chart.HasGap) yield return OfGap(chart);
        else if (Harmless(chart) is { } harmless) yield return harmless;
        if (chart.Leakage is { Leaks: true } leakage)
            yield return new(Cause.Leakage, "The scores say nothing about new images. " + leakage.Finding, leakage.MaskInImage ? leakage.MaskR2 : 0.95,
                [new(nameof(LeakageScan), leakage.MaskInImage ? leakage.MaskR2 : leakage.Duplicates.Count, leakage.MaskInImage ? 0.95 : 0.05 * leakage.ValidationImages, leakage.Finding)]);
        if (chart.Trains && Drifting(chart) is { Count: > 0 } drifting) yield return Drift(chart, drifting);
        if (Overfitted(chart) is { } overfitted) yield return overfitted;
        else if (!chart.HasGap && chart.Curves is { Cause: Cause.Leakage } early) yield return new(Cause.Leakage, early.Evidence[0].Text, early.Confidence, early.Evidence);
    }

    internal static DoctorFinding Healthy(MedicalChart chart)
    {
        if (!chart.HasBatchNorm)
            return new(Cause.NothingToDiagnose, "The model has no batch-norm layer, so it is one function in training and inference (but for dropout): there is nothing to diagnose here.", 0.99, [Count(0)]);
        if (chart.Switching.Count == 0)
            return new(Cause.Healthy, $"None of the {chart.Layers.Count} batch-norm layers differs between training and inference: there is no gap, and nothing else was found.", 0.95, [Count(chart.Layers.Count)]);
        TrainEvalGap gap = chart.Gap!;
        double ratio = gap.InferenceLoss / gap.TrainingLoss;
        return new(Cause.Healthy, $"Training and inference agree on the training images (loss {NumberText.Fixed(gap.TrainingLoss, 3)} and {NumberText.Fixed(gap.InferenceLoss, 3)}), and nothing else was found.",
            Math.Clamp(1 - 0.5 * Math.Max(0, ratio - 1) / (GapRatio - 1), 0.5, 0.95) * (chart.NewImages is null ? 0.9 : 1), [new(nameof(TrainEvalGap), ratio, GapRatio, gap.Finding)]);

        static Evidence Count(int layers) => new(nameof(TrainEvalGap), layers, double.NaN, $"{layers} batch-norm layers");
    }

    private static DoctorFinding OfGap(MedicalChart chart)
    {
        TrainEvalGap gap = chart.Gap!;
        bool small = IsGap(chart.GapAtBatchSize.Training, chart.GapAtBatchSize.Inference, null) && chart.Source.BatchSize < gap.Images;
        (double training, double inference) = small ? chart.GapAtBatchSize : (gap.TrainingLoss, gap.InferenceLoss);
        double certainty = CurveSignature.Certainty(inference / training, GapRatio);
        Evidence measured = new(nameof(TrainEvalGap), inference / training, GapRatio, $"On the same training images the loss is {NumberText.Fixed(training, 3)} with the batch's statistics and {NumberText.Fixed(inference, 3)} with the running ones: no overfitting.");
        DoctorFinding Of(Cause cause, string verdict, IReadOnlyList<ProbedLayer> layers, double share, params IEnumerable<Evidence> more) => new(
            cause, verdict, Math.Clamp(Math.Min(1, share) * certainty, 0.3, 0.99),
            [measured, new("layers that close the gap", share, Enough, $"With the batch's statistics in {(layers.Count == 1 ? $"'{layers[0].Name}'" : $"these {layers.Count} layers")} alone, {NumberText.Percent(share)} of the gap is closed."), .. more])
        {
            Layers = [.. layers.Select(layer => layer.Name)],
            Place = PlaceOf(layers, chart.Layers),
        };

        IReadOnlyList<ProbedLayer> outliers = [.. Outliers(chart).Where(layer => !Noisy(chart, layer))], still = NotUpdated(chart), drifting = Drifting(chart), learning = Learning(chart);
        if (outliers.Count > 0 && chart.Measure(outliers) >= Enough)
        {
            string names = string.Join(", ", outliers.Select(layer => $"'{layer.Name}'"));
            LayerDistance far = chart.Distance!.Outliers()[0];
            return Of(Cause.CorruptedStatistics, $"The running statistics of {names} are wrong, those of all other layers fit the images.", outliers, chart.Measure(outliers),
                [new(nameof(StatisticsDistance), far.Wasserstein, double.NaN, $"'{far.Name}' is {NumberText.Fixed(Math.Sqrt(far.Wasserstein), 1)} standard deviations from its running statistics."), .. Attributed(chart)]);
        }

        (IReadOnlyList<ProbedLayer> Layers, double Share, Func<DoctorFinding> Say)[] groups =
        [
            (still, chart.Measure(still), () => Of(Cause.FrozenBatchStatistics,
                $"{Many(still)}{In(still, chart.Layers)} normalise{(still.Count == 1 ? "s" : "")} by the batch in training, never update{(still.Count == 1 ? "s" : "")} the running statistics, and use{(still.Count == 1 ? "s" : "")} these old ones in inference: the network is trained as one function and asked as another.",
                still, chart.Measure(still), Attributed(chart))),
            (drifting, chart.Measure(drifting), () => Drift(chart, drifting) with { Evidence = [measured, .. Drift(chart, drifting).Evidence] }),
            (learning, chart.Measure(learning), () => Lagging(chart, learning, Of)),
        ];
        // Of the groups that close the gap, the first in the forward pass: batch statistics in later layers repair what earlier ones have spoilt.
        groups = [.. groups.Where(group => group.Layers.Count > 0)];
        (IReadOnlyList<ProbedLayer> Layers, double Share, Func<DoctorFinding> Say)[] closing = [.. groups.Where(group => group.Share >= Enough)];
        (IReadOnlyList<ProbedLayer> Layers, double Share, Func<DoctorFinding> Say) most = closing.Length > 0
            ? closing.MinBy(group => group.Layers.Min(layer => layer.Place))
            : groups.MaxBy(group => group.Share);
        if (most.Share >= Enough || (small && learning.Count > 0 && still.Count == 0)) return most.Say();
        return Of(Cause.UnexplainedGap, $"Training and inference differ, and no group of layers explains it alone; the nearest, {Many(most.Layers, begins: false)}, closes {NumberText.Percent(most.Share)} of the gap.", most.Layers, most.Share, Attributed(chart));
    }

    private static DoctorFinding Lagging(MedicalChart chart, IReadOnlyList<ProbedLayer> layers, OfLayers of)
    {
        double share = chart.Measure(layers);
        double old = chart.Clock!.Rows.Count == 0 ? 0 : chart.Clock.Rows.Max(row => row.OldShareAfter(chart.Steps ?? chart.StepsPerEpoch));
        Evidence clock = new(nameof(EmaClock), old, EmaClock.LargestOldShare, old > EmaClock.LargestOldShare
            ? $"{NumberText.Percent(old)} of the statistics from before the training are still in the running ones."
            : $"Of the statistics from before the training {NumberText.Percent(old)} are left, but the weights moved on since the last ones were counted.");
        ProbedLayer poorest = layers.MinBy(layer => layer.ValuesPerImage)!;
        long values = poorest.ValuesPerImage * chart.Source.BatchSize;
        Evidence size = new(nameof(BatchSizeSensitivity), values, double.NaN, $"A training batch of {chart.Source.BatchSize} gives '{poorest.Name}' {values} values per channel to take a variance of.");
        if (chart.Finished)
            return of(Cause.StaleStatistics, $"The running statistics of {Many(layers, begins: false)} do not fit these images: the network was finished on other ones.", layers, share, [.. Attributed(chart)]);
        return chart.Source.BatchSize <= FewImages && old <= 0.5
            ? of(Cause.SmallBatches, $"Batches of {chart.Source.BatchSize} have statistics of noise: the network learnt with them, the running average of the last few fits no image.", layers, share, [size, clock])
            : of(Cause.StaleStatistics, $"The running statistics of {Many(layers, begins: false)} lag behind what the network computes now{(old > EmaClock.LargestOldShare ? ": their momentum is too small for the number of steps" : "")}.", layers, share, [clock, .. Attributed(chart)]);
    }

    /// <summary>Wrong statistics in a layer whose harm the rest of the network makes good, on these images; noise where batches are small.</summary>
    private static DoctorFinding? Harmless(MedicalChart chart)
    {
        IReadOnlyList<ProbedLayer> outliers = Outliers(chart);
        if (outliers.Count == 0 || chart.Distance!.Outliers()[0] is not { Wasserstein: >= Absurd } far) return null;
        outliers = [.. outliers.Where(layer => layer.Name == far.Name)];
        if (outliers.Count == 0) return null;
        bool few = chart.Source.BatchSize <= FewImages;
        return new(
            few ? Cause.SmallBatches : Cause.CorruptedStatistics,
            $"The running statistics of '{far.Name}' {(few ? $"are noise: batches of {chart.Source.BatchSize} give it too few values to average" : "are wrong, those of all other layers fit the images")}. The layers behind it make up for it on these images; do not rely on that.",
            CurveSignature.Certainty(far.Wasserstein, Absurd),
            [new(nameof(StatisticsDistance), far.Wasserstein, Absurd, $"'{far.Name}' is {NumberText.Fixed(Math.Sqrt(far.Wasserstein), 1)} standard deviations from its running statistics.")])
        {
            Layers = [far.Name],
            Place = far.Name,
        };
    }

    private delegate DoctorFinding OfLayers(Cause cause, string verdict, IReadOnlyList<ProbedLayer> layers, double share, params IEnumerable<Evidence> more);

    private static DoctorFinding Preprocessed(PreprocessingFingerprint fingerprint)
    {
        string right = string.Join(" or ", fingerprint.WrongScale ? fingerprint.OfRightScale.Select(c => c.Preprocessing.Name).Distinct() : [fingerprint.Best.Name]);
        double certainty = fingerprint.WrongScale ? 0.97 : CurveSignature.Certainty(fingerprint.Used!.Distance, 2 * fingerprint.Best.Distance);
        return new(Cause.WrongPreprocessing, $"The images are preprocessed as '{fingerprint.Used!.Name}', but '{fingerprint.Layer}' counted its statistics on images preprocessed as {right}.", certainty,
            [new(nameof(PreprocessingFingerprint), fingerprint.Used.Distance / Math.Max(fingerprint.Best.Distance, 1e-12), double.NaN, fingerprint.Finding)])
        { Layers = [fingerprint.Layer], Place = fingerprint.Layer };
    }

    private static DoctorFinding Drift(MedicalChart chart, IReadOnlyList<ProbedLayer> layers) => new(
        Cause.FrozenStatisticsDrift,
        $"{Many(layers)}{In(layers, chart.Layers)} {(layers.Count == 1 ? "is" : "are")} frozen (γ and β receive no gradients), but every training step moves the running statistics: the pre-trained ones are lost, and training and inference are two functions.",
        0.9,
        [new(nameof(FreezeAudit), layers.Count, 0, $"{Many(layers)} without trainable parameters update{(layers.Count == 1 ? "s" : "")} the running statistics in training mode."),
            .. chart.Clock is { Rows.Count: > 0 } clock ? new[] { new Evidence(nameof(EmaClock), clock.Rows.Max(r => r.OldShareAfter(chart.Steps ?? chart.StepsPerEpoch)), double.NaN, clock.Finding) } : []])
    {
        Layers = [.. layers.Select(layer => layer.Name)],
        Place = PlaceOf(layers, chart.Layers),
    };

    private static DoctorFinding? Overfitted(MedicalChart chart)
    {
        if (chart.HasGap) return null;
        if (chart.KnownImages is { } known && chart.NewImages is { } unknown)
        {
            if (!IsOverfitted(known, unknown)) return null;
            double ratio = unknown.Loss / known.Loss;
            var evidence = new List<Evidence> { new("Validation", ratio, OverfittingRatio, Compared(known, unknown)) };
            if (chart.Curves is { Cause: Cause.Overfitting } curves) evidence.AddRange(curves.Evidence);
            return new(Cause.Overfitting, "The network is good on its training images in inference mode too and bad on new ones: it is overfitted, and batch norm has no part in it.", CurveSignature.Certainty(ratio, OverfittingRatio), evidence);
        }

        return chart.Curves is { Cause: Cause.Overfitting } alone
            ? new(Cause.Overfitting, "The curves are those of overfitting: " + alone.Evidence[0].Text, alone.Confidence, alone.Evidence)
            : null;
    }

    private static bool IsOverfitted(Judgement known, Judgement unknown) =>
        unknown.Loss / known.Loss >= OverfittingRatio && unknown.Loss - known.Loss >= GapDifference && !(unknown.Quality >= known.Quality);

    private static string Compared(Judgement known, Judgement unknown) =>
        $"In inference mode the training images cost {NumberText.Fixed(known.Loss, 3)}, the validation images {NumberText.Fixed(unknown.Loss, 3)}{(known.Figure is null ? "" : $" ({known.Figure.Name} {NumberText.Fixed(known.Figure.Value, 3)} and {NumberText.Fixed(unknown.Quality ?? double.NaN, 3)})")}.";

    /// <summary>What deserves a word although it is no illness.</summary>
    internal static IEnumerable<string> Notes(MedicalChart chart)
    {
        if (!chart.HasGap && NotUpdated(chart) is { Count: > 0 } still)
            yield return $"{Many(still)}{In(still, chart.Layers)} normalise{(still.Count == 1 ? "s" : "")} by the batch in training and by running statistics that training never updates in inference (BatchNormMode.Keras213 does that). The two agree on these images; train on, or come with other images, and they need not. In BatchNormMode.Inference they are one function.";
        if (!chart.HasGap && chart.KnownImages is { } known && chart.NewImages is { } unknown && unknown.Loss / known.Loss >= OverfittingRatio && !IsOverfitted(known, unknown))
            yield return $"New images cost {NumberText.Fixed(unknown.Loss / known.Loss, 1)} times as much as training images. {Compared(known, unknown)} That is how overfitting begins, and not enough to call it that.";
    }

    /// <summary>
    /// Layers that stand out alone although training updates them. The first of the frozen layers meets a foreign domain first and always stands out: that is the
    /// domain, and no wrong number.
    /// </summary>
    private static IReadOnlyList<ProbedLayer> Outliers(MedicalChart chart)
    {
        if (chart.Distance is null) return [];
        // Where most of the statistics are known to be from before the training, lag explains what stands out.
        if (MostlyOld(chart)) return [];
        HashSet<string> names = [.. chart.Distance.Outliers().Select(layer => layer.Name)];
        return [.. chart.Switching.Where(layer => layer.UpdatesInTraining && names.Contains(layer.Name))];
    }

    /// <summary>Whether most of the running statistics are known to be from before the training.</summary>
    private static bool MostlyOld(MedicalChart chart) => chart.Steps is int steps && chart.Clock is { Rows.Count: > 0 } clock && clock.Rows.Max(row => row.OldShareAfter(steps)) > Enough;

    /// <summary>
    /// Whether the first layer's statistics tell how the network was trained: not if they follow these very images, or still hold what stood there before any.
    /// </summary>
    internal static bool HasFingerprint(MedicalChart chart) => chart.Layers[0].HasStatistics && (!chart.Layers[0].UpdatesInTraining || (chart.InUse && !MostlyOld(chart)));

    /// <summary>Whether the training's batches are so small that the layer's running statistics are noise, however right they were counted.</summary>
    private static bool Noisy(MedicalChart chart, ProbedLayer layer) => chart.Source.BatchSize <= FewImages && layer.ValuesPerImage * chart.Source.BatchSize < FewValues;

    private static IReadOnlyList<ProbedLayer> NotUpdated(MedicalChart chart) => [.. chart.Switching.Where(layer => !layer.UpdatesInTraining)];

    private static IReadOnlyList<ProbedLayer> Drifting(MedicalChart chart) => chart.Finished ? [] : [.. chart.FrozenLayers.Where(layer => layer.UpdatesInTraining)];

    private static IReadOnlyList<ProbedLayer> Learning(MedicalChart chart) => [.. chart.Switching.Where(layer => layer.UpdatesInTraining && (chart.Finished || !layer.Frozen))];

    private static IEnumerable<Evidence> Attributed(MedicalChart chart) =>
        chart.Attribution is { Layers.Count: > 0 } attribution ? [new(nameof(LayerAttribution), attribution.Ranking[0].LeaveOneOutDistance, double.NaN, attribution.Finding)] : [];

    /// <summary>The modules that hold these layers: the first components of their names, where those tell more than all layers would.</summary>
    private static string PlaceOf(IReadOnlyList<ProbedLayer> layers, IReadOnlyList<ProbedLayer> all)
    {
        if (layers.Count == 1) return layers[0].Name;
        if (layers.Count == all.Count) return "the whole network";
        string[] parts = [.. layers.Select(layer => DottedName.First(layer.Name)).Distinct()];
        return parts.Length <= 3 ? string.Join(", ", parts) : $"'{layers[0].Name}' to '{layers[^1].Name}'";
    }

    private static string In(IReadOnlyList<ProbedLayer> layers, IReadOnlyList<ProbedLayer> all) => layers.Count == 1 ? "" : $" in {PlaceOf(layers, all)}";

    private static string Many(IReadOnlyList<ProbedLayer> layers, bool begins = true) =>
        layers.Count == 1 ? $"{(begins ? "The" : "the")} layer '{layers[0].Name}'" : $"{layers.Count} batch-norm layers";
}
