using System.Diagnostics;
using UnetResnet.Data;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using UnetResnet.Training;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Diagnosis;

/// <summary>
/// Says which layers are ill, why, and what to do. Asks in this order, cheapest first: is there a gap between training and inference on <em>training</em>
/// images (then it is no overfitting); is the preprocessing wrong; which layers close the gap when they get the batch's statistics; how are these layers set and how
/// far are their statistics off; and, without a gap, whether data leak, frozen layers drift, or the network is overfitted.
/// </summary>
/// <remarks>
/// Works on any module that takes a tensor and gives logits of any task, with TorchSharp's batch-norm layers or this library's. A healthy verdict means that none of the
/// known causes was found with what the doctor was given, see <see cref="DoctorOptions"/>.
/// </remarks>
public static class BatchNormDoctor
{
    private const int AuditImages = 4;

    /// <summary>Examines a model. It is left exactly as it was found.</summary>
    /// <param name="model">Any network; stays the caller's.</param>
    /// <param name="source">Batches that it was trained on, as it was trained on them; the doctor looks at them in order and without augmentation.</param>
    /// <param name="options">What else is known; null for nothing.</param>
    /// <param name="progress">Told of every step as it begins, or null.</param>
    /// <param name="cancellation">Stops between two steps.</param>
    /// <exception cref="ArgumentException">The model holds values that are not finite or lacks a buffer, the source yields nothing, or a batch does not suit; the message says which.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellation"/> was requested.</exception>
    public static DoctorReport Diagnose(
        Module<Tensor, Tensor> model, IBatchSource source, DoctorOptions? options = null, IProgress<DoctorStep>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(source);
        options = (options ?? new DoctorOptions()).Validate();
        var clock = Stopwatch.StartNew();
        int number = 0;
        void Begin(string name)
        {
            cancellation.ThrowIfCancellationRequested();
            progress?.Report(new DoctorStep(++number, name, clock.Elapsed.TotalSeconds));
        }

        // Hundreds of passes want the same pieces of memory.
        using var memory = new NativeMemory();
        using var scope = NewDisposeScope();
        using Batch batch = ProbeImages.First(source.InOrder().Epoch(), options.Images);
        bool inUse = !model.training;

        Begin("leakage between the images");
        LeakageScan leakage = LeakageScan.Measure(source, options.Validation);
        var chart = new MedicalChart
        {
            Source = source,
            Options = options,
            Trains = model.parameters().Any(p => p.requires_grad),
            InUse = inUse,
            StepsPerEpoch = source.BatchCount ?? Math.Max(1, (source.SampleCount ?? leakage.TrainingImages) / source.BatchSize),
            Leakage = leakage,
        };
        if (options.History is { Count: > 0 } history)
        {
            Begin("signature of the curves");
            chart.Curves = CurveSignature.Measure(history);
        }

        if (BatchNormLayer.In(model).Count > 0)
        {
            // Before the probe, which sets the layers' modes as it needs them.
            chart.Clock = EmaClock.Measure(model, chart.StepsPerEpoch);
            using var probe = new ProbedModel(model, batch.Inputs);
            Examine(probe, batch, chart, Begin);
        }
        else
        {
            chart.HasBatchNorm = false;
        }

        if (options.Validation is not null)
        {
            Begin("training and validation images in inference mode");
            using Batch validation = ProbeImages.First(options.Validation.InOrder().Epoch(), options.Images);
            chart.KnownImages ??= Judge(model, batch, options.Task);
            chart.NewImages = Judge(model, validation, options.Task);
        }

        DoctorFinding[] findings = [.. DoctorRules.Apply(chart)];
        if (chart.Frozen && findings.FirstOrDefault()?.Cause is Cause.FrozenBatchStatistics or Cause.FrozenStatisticsDrift && chart.Trains)
        {
            Begin("is frozen what should be frozen");
            // Whether something moves shows on a few images.
            int images = Math.Min(AuditImages, batch.Size);
            using Batch few = Batch.Of(batch.Inputs.narrow(0, 0, images), batch.Targets.narrow(0, 0, images));
            chart.Add(FreezeAudit.Measure(model, few, chart.Layers, chart.Gap?.Notes ?? [], task: options.Task, steps: 1));
        }

        DoctorFinding finding = findings.Length > 0 ? findings[0] : DoctorRules.Healthy(chart);
        return new DoctorReport
        {
            Cause = finding.Cause,
            Verdict = finding.Verdict,
            Confidence = finding.Confidence,
            Place = finding.Place,
            Layers = finding.Layers,
            Evidence = finding.Evidence,
            AlsoFound = [.. findings.Skip(1).Where(f => f.Cause != finding.Cause).Select(f => (f.Cause, f.Verdict))],
            Cure = Cure.For(finding.Cause, source, chart.Fingerprint?.Used?.Preprocessing, Right(chart.Fingerprint)),
            Reports = chart.Reports,
            Seconds = clock.Elapsed.TotalSeconds,
            Notes = [.. chart.Gap?.Notes ?? [], .. DoctorRules.Notes(chart)],
        };
    }

    /// <summary>The parts of the examination that need batch norm.</summary>
    private static void Examine(ProbedModel probe, Batch batch, MedicalChart chart, Action<string> begin)
    {
        DoctorOptions options = chart.Options;
        chart.Switching = probe.Switching;
        chart.Layers = probe.Layers;
        using var examination = new Examination(probe, batch, options.Task);
        begin("distance of the statistics, gap between training and inference");
        StatisticsDistance? distance = StatisticsDistance.Measure(examination);
        chart.Gap = TrainEvalGap.Measure(examination);
        chart.KnownImages = examination.Inference.Judged;
        chart.GapAtBatchSize = GapAt(examination, chart.Source.BatchSize);

        begin("fingerprint of the preprocessing");
        if (Used(chart, batch.Inputs) is { } used && DoctorRules.HasFingerprint(chart)) chart.Fingerprint = PreprocessingFingerprint.Measure(probe, used.Invert(batch.Inputs), used);
        if (distance is not null) chart.Distance = distance;
        if (!chart.HasGap) return;

        begin("which layers close the gap");
        chart.Closed = layers => Closed(examination, chart, layers);
        foreach (IReadOnlyList<ProbedLayer> group in DoctorRules.Groups(chart)) chart.Measure(group);
        begin("encoder, decoder, dropout");
        chart.Add(ModeMatrix.Measure(examination));
        begin("layer by layer");
        chart.Attribution = LayerAttribution.Measure(probe, batch, options.Task, Math.Min(options.AttributionImages, batch.Size), whole: false);
        begin("control experiments");
        chart.Add(ControlExperiments.Measure(probe, batch.Inputs.narrow(0, 0, Math.Min(options.AttributionImages, batch.Size)), chart.Fingerprint?.Used?.Preprocessing));
        if (chart.Source.BatchSize > DoctorRules.FewImages || batch.Size < DoctorRules.FewImages) return;
        begin("size of the batch");
        probe.AsInInference();
        chart.Add(BatchSizeSensitivity.Measure(probe, batch, options.Task));
    }

    /// <summary>How the images are preprocessed: as their source says, else as their values tell.</summary>
    private static PreprocessingCandidate? Used(MedicalChart chart, Tensor inputs)
    {
        if (inputs.dim() != 4 || inputs.shape[1] != 3 || !inputs.is_floating_point()) return null;
        return chart.Source.Preprocessing is { } known ? new PreprocessingCandidate(known, Reversed: false) : PreprocessingFingerprint.Recognise(inputs);
    }

    /// <summary>Training against inference in batches as small as those of the training.</summary>
    private static (double Training, double Inference) GapAt(Examination examination, int size)
    {
        (ProbedModel probe, Batch batch) = (examination.Probe, examination.Batch);
        if (size >= batch.Size || probe.Switching.Any(layer => layer.ValuesPerImage * size < 2 * layer.Uses)) return (examination.Training.Judged.Loss, examination.Inference.Judged.Loss);
        double training = 0, inference = 0;
        int count = batch.Size / size * size;
        probe.AsInTraining();
        for (int first = 0; first < count; first += size)
        {
            using var scope = NewDisposeScope();
            Tensor targets = batch.Targets.narrow(0, first, size);
            training += size * Judgement.Of(probe.Forward(batch.Inputs.narrow(0, first, size)), targets, examination.Task).Loss;
            // In inference the companions do not matter.
            inference += size * Judgement.Of(examination.Inference.Output.narrow(0, first, size), targets, examination.Task).Loss;
        }

        return (training / count, inference / count);
    }

    /// <summary>Share of the gap that is closed when only these layers get the batch's statistics.</summary>
    private static double Closed(Examination examination, MedicalChart chart, IReadOnlyList<ProbedLayer> layers)
    {
        var chosen = layers.ToHashSet();
        double left = examination.With(chosen.Contains).Judged.Loss;
        return chart.Gap!.LossGap > 0 ? (chart.Gap.InferenceLoss - left) / chart.Gap.LossGap : 0;
    }

    /// <summary>A model as it is in use, left as it was found.</summary>
    private static Judgement Judge(Module<Tensor, Tensor> model, Batch batch, LearningTask? task)
    {
        using var modes = new ModeSnapshot(model);
        using var noGrad = no_grad();
        model.eval();
        using Tensor output = model.call(batch.Inputs);
        return Judgement.Of(output, batch.Targets, task);
    }

    /// <summary>On images of the network's own domain the nearest preprocessing; on others the one of the right scale that networks are commonly trained with.</summary>
    private static Preprocessing? Right(PreprocessingFingerprint? fingerprint) => fingerprint switch
    {
        null or { Wrong: false } => null,
        { WrongScale: true } => Preprocessing.All.First(p => fingerprint.OfRightScale.Any(c => c.Preprocessing == p)),
        _ => fingerprint.Best.Preprocessing,
    };
}
