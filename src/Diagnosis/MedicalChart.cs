using UnetResnet.Data;

namespace UnetResnet.Diagnosis;

/// <summary>Everything that was measured about one patient.</summary>
internal sealed class MedicalChart
{
    private readonly List<DiagnosticReport> reports = [];
    private readonly Dictionary<string, double> closed = [];
    private LeakageScan? leakage;
    private CurveSignature? curves;
    private TrainEvalGap? gap;
    private PreprocessingFingerprint? fingerprint;
    private StatisticsDistance? distance;
    private EmaClock? clock;
    private LayerAttribution? attribution;

    internal required IBatchSource Source { get; init; }

    internal required DoctorOptions Options { get; init; }

    internal IReadOnlyList<DiagnosticReport> Reports => reports;

    internal bool HasBatchNorm { get; set; } = true;

    internal IReadOnlyList<ProbedLayer> Layers { get; set; } = [];

    internal IReadOnlyList<ProbedLayer> Switching { get; set; } = [];

    /// <summary>Whether any parameter of the model is trained.</summary>
    internal required bool Trains { get; init; }

    internal LeakageScan? Leakage { get => leakage; init => leakage = Add(value!); }

    internal CurveSignature? Curves { get => curves; set => curves = Add(value!); }

    internal TrainEvalGap? Gap { get => gap; set => gap = Add(value!); }

    internal PreprocessingFingerprint? Fingerprint { get => fingerprint; set => fingerprint = Add(value!); }

    internal StatisticsDistance? Distance { get => distance; set => distance = Add(value!); }

    internal EmaClock? Clock { get => clock; set => clock = Add(value!); }

    internal LayerAttribution? Attribution { get => attribution; set => attribution = Add(value!); }

    internal (double Training, double Inference) GapAtBatchSize { get; set; }

    internal Judgement? KnownImages { get; set; }

    internal Judgement? NewImages { get; set; }

    internal Func<IReadOnlyList<ProbedLayer>, double>? Closed { get; set; }

    /// <summary>Whether training and inference differ by more than a healthy network's do.</summary>
    internal bool HasGap => Gap is not null && (DoctorRules.IsGap(Gap.TrainingLoss, Gap.InferenceLoss, Gap.MetricGap) || DoctorRules.IsGap(GapAtBatchSize.Training, GapAtBatchSize.Inference, null));

    /// <summary>Layers that are one function in training and another in inference, whose γ and β are not trained.</summary>
    internal IReadOnlyList<ProbedLayer> FrozenLayers => [.. Switching.Where(layer => layer.Frozen)];

    internal bool Frozen => FrozenLayers.Count > 0;

    internal T Add<T>(T report) where T : DiagnosticReport
    {
        reports.Add(report);
        return report;
    }

    /// <summary>Share of the gap that these layers close, measured once.</summary>
    internal double Measure(IReadOnlyList<ProbedLayer> layers)
    {
        if (layers.Count == 0 || Closed is null) return 0;
        string key = string.Join('|', layers.Select(layer => layer.Place));
        if (!closed.TryGetValue(key, out double share)) closed[key] = share = Closed(layers);
        return share;
    }

    /// <summary>Whether the model was found in inference mode: it is being used, and its statistics follow no images.</summary>
    internal bool InUse { get; init; }

    /// <summary>Whether nobody trains the model any more.</summary>
    internal bool Finished => InUse && !Trains;

    /// <summary>Training steps of an epoch: those of the source, or what its samples make.</summary>
    internal int StepsPerEpoch { get; init; } = 1;

    /// <summary>Training steps so far, as far as they are known.</summary>
    internal int? Steps => Options.Steps ?? (Options.History is { Count: > 0 } history ? history.Count * StepsPerEpoch : null);
}
