using System.Diagnostics;
using UnetResnet.Data;
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
/// Works on any module that takes (N, 3, H, W) and gives logits, with TorchSharp's batch-norm layers or this library's. A healthy verdict means that none of the
/// known causes was found with what the doctor was given, see <see cref="DoctorOptions"/>.
/// </remarks>
public static class BatchNormDoctor
{
    /// <summary>Examines a model. It is left exactly as it was found.</summary>
    /// <param name="model">Any network; stays the caller's.</param>
    /// <param name="loader">Batches of images that it was trained on, as it was trained on them; the doctor looks at them in order and without augmentation.</param>
    /// <param name="options">What else is known; null for nothing.</param>
    /// <param name="progress">Told of every step as it begins, or null.</param>
    /// <param name="cancellation">Stops between two steps.</param>
    /// <exception cref="ArgumentException">The model holds values that are not finite or lacks a buffer, the loader yields nothing, or a batch does not suit; the message says which.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellation"/> was requested.</exception>
    public static DoctorReport Diagnose(
        Module<Tensor, Tensor> model, BatchLoader loader, DoctorOptions? options = null, IProgress<DoctorStep>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(loader);
        options = (options ?? new DoctorOptions()).Validate();
        var clock = Stopwatch.StartNew();
        int number = 0;
        void Begin(string name)
        {
            cancellation.ThrowIfCancellationRequested();
            progress?.Report(new DoctorStep(++number, name, clock.Elapsed.TotalSeconds));
        }

        using var scope = NewDisposeScope();
        using Batch batch = ProbeImages.First(loader.InOrder().Epoch(), options.Images);
        var chart = new MedicalChart { Loader = loader, Options = options, Trains = model.parameters().Any(p => p.requires_grad) };

        Begin("leakage between the images");
        chart.Leakage = LeakageScan.Of(loader, options.Validation);
        if (options.History is { Count: > 0 } history)
        {
            Begin("signature of the curves");
            chart.Curves = CurveSignature.Of(history);
        }

        if (BatchNormLayer.In(model).Count > 0)
        {
            // Before the probe, which sets the layers' modes as it needs them.
            chart.Clock = EmaClock.Of(model, loader.BatchCount);
            using var probe = new ProbedModel(model, batch.Images);
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
            using var state = new ModelState(model);
            model.eval();
            chart.KnownImages = Judge(model, batch, options.Loss);
            chart.NewImages = Judge(model, validation, options.Loss);
        }

        DoctorFinding[] findings = [.. DoctorRules.Apply(chart)];
        if (chart.Frozen && findings.FirstOrDefault()?.Cause is Cause.FrozenBatchStatistics or Cause.FrozenStatisticsDrift && chart.Trains)
        {
            Begin("is frozen what should be frozen");
            chart.Add(FreezeAudit.Run(model, batch, loss: options.Loss, steps: 1));
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
            Cure = Cure.For(finding.Cause, model, loader, chart.Fingerprint?.Used?.Preprocessing, Right(chart.Fingerprint)),
            Reports = chart.Reports,
            Seconds = clock.Elapsed.TotalSeconds,
            Notes = chart.Gap?.Notes ?? [],
        };
    }

    /// <summary>The parts of the examination that need batch norm.</summary>
    private static void Examine(ProbedModel probe, Batch batch, MedicalChart chart, Action<string> begin)
    {
        DoctorOptions options = chart.Options;
        chart.Switching = probe.Switching;
        chart.Layers = probe.Layers;
        begin("gap between training and inference");
        chart.Gap = TrainEvalGap.Measure(probe, batch, options.Loss);
        chart.GapAtBatchSize = GapAt(probe, batch, chart.Loader.BatchSize, options.Loss);

        begin("fingerprint of the preprocessing");
        // The fingerprint of a layer whose statistics follow the images is that of these very images.
        if (!probe.Layers[0].UpdatesInTraining && probe.Layers[0].RunningMean is not null && PreprocessingFingerprint.Recognise(batch.Images) is { } used)
            chart.Fingerprint = PreprocessingFingerprint.Of(probe, used.Invert(batch.Images), used);

        begin("distance of the statistics");
        if (probe.Layers.Any(layer => layer.RunningMean is not null)) chart.Distance = StatisticsDistance.Measure(probe, batch.Images);
        if (!chart.HasGap) return;

        begin("which layers close the gap");
        chart.Closed = layers => Closed(probe, batch, options.Loss, chart, layers);
        foreach (IReadOnlyList<BatchNormLayer> group in DoctorRules.Groups(chart)) chart.Measure(group);
        begin("encoder, decoder, dropout");
        chart.Add(ModeMatrix.Measure(probe, batch, loss: options.Loss));
        begin("layer by layer");
        chart.Attribution = LayerAttribution.Measure(probe, batch, options.Loss, Math.Min(options.AttributionImages, batch.Size));
        begin("control experiments");
        chart.Add(ControlExperiments.Measure(probe, batch.Images.narrow(0, 0, Math.Min(8, batch.Size)), chart.Fingerprint?.Used?.Preprocessing));
        if (chart.Loader.BatchSize > DoctorRules.FewImages) return;
        begin("size of the batch");
        chart.Add(BatchSizeSensitivity.Measure(probe, batch, options.Loss));
    }

    /// <summary>Training against inference in batches as small as those of the training.</summary>
    private static (double Training, double Inference) GapAt(ProbedModel probe, Batch batch, int size, SegmentationLoss? loss)
    {
        if (size >= batch.Size || probe.Switching.Any(layer => layer.ValuesPerImage * size < 2 * layer.Uses)) size = batch.Size;
        double training = 0, inference = 0;
        int count = batch.Size / size * size;
        for (int first = 0; first < count; first += size)
        {
            using var scope = NewDisposeScope();
            Tensor images = batch.Images.narrow(0, first, size), masks = batch.Masks.narrow(0, first, size);
            probe.AsInTraining();
            training += size * Judgement.Of(probe.Forward(images), masks, loss).Loss;
            probe.AsInInference();
            inference += size * Judgement.Of(probe.Forward(images), masks, loss).Loss;
        }

        return (training / count, inference / count);
    }

    /// <summary>Share of the gap that is closed when only these layers get the batch's statistics; in IoU where that says more.</summary>
    private static double Closed(ProbedModel probe, Batch batch, SegmentationLoss? loss, MedicalChart chart, IReadOnlyList<BatchNormLayer> layers)
    {
        var chosen = layers.ToHashSet();
        probe.UseBatchStatistics(chosen.Contains);
        using Tensor output = probe.Forward(batch.Images);
        double left = Judgement.Of(output, batch.Masks, loss).Loss;
        return chart.Gap!.LossGap > 0 ? (chart.Gap.InferenceLoss - left) / chart.Gap.LossGap : 0;
    }

    private static Judgement Judge(Module<Tensor, Tensor> model, Batch batch, SegmentationLoss? loss)
    {
        using var noGrad = no_grad();
        using Tensor output = model.call(batch.Images);
        return Judgement.Of(output, batch.Masks, loss);
    }

    /// <summary>On images of the network's own domain the nearest preprocessing; on others the one of the right scale that networks are commonly trained with.</summary>
    private static Preprocessing? Right(PreprocessingFingerprint? fingerprint) => fingerprint switch
    {
        null or { Wrong: false } => null,
        { WrongScale: true } => Preprocessing.All.First(p => fingerprint.OfRightScale.Any(c => c.Preprocessing == p)),
        _ => fingerprint.Best.Preprocessing,
    };
}
