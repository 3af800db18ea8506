using UnetResnet.Data;
using UnetResnet.Runtime;
using UnetResnet.Training;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Diagnosis;

/// <summary>
/// One batch, the same weights, dropout off, and only the batch-norm layers switched between what they do in training and what they do in inference. A gap on
/// images that the model was trained on is no overfitting.
/// </summary>
public sealed record TrainEvalGap : DiagnosticReport
{
    /// <summary>Images in the batch.</summary>
    public required int Images { get; init; }

    /// <summary>Batch-norm layers that the forward pass uses.</summary>
    public required int Layers { get; init; }

    /// <summary>Those of them that differ between training and inference.</summary>
    public required int SwitchingLayers { get; init; }

    /// <summary>Loss with every layer as in training.</summary>
    public required double TrainingLoss { get; init; }

    /// <summary>Loss with every layer as in inference.</summary>
    public required double InferenceLoss { get; init; }

    /// <summary>Name of the task's first figure, such as IoU or accuracy, or null where it has none.</summary>
    public required string? Metric { get; init; }

    /// <summary>The figure as in training, or null where the task has none.</summary>
    public required double? TrainingMetric { get; init; }

    /// <summary>The figure as in inference, or null where the task has none.</summary>
    public required double? InferenceMetric { get; init; }

    /// <summary>Largest difference of a logit between the two.</summary>
    public required double LargestLogitDifference { get; init; }

    /// <summary>Root mean square of the differences, in standard deviations of the logits in training.</summary>
    public required double RelativeLogitDifference { get; init; }

    /// <summary>Loss in inference less the loss in training; above 0 the model is worse in inference.</summary>
    public double LossGap => InferenceLoss - TrainingLoss;

    /// <summary>The figure in training less that in inference, or null where the task has none.</summary>
    public double? MetricGap => TrainingMetric - InferenceMetric;

    /// <inheritdoc/>
    public override string Title => "Training against inference on one batch";

    /// <inheritdoc/>
    public override string Finding => SwitchingLayers == 0
        ? $"None of the {Layers} batch-norm layers differs between training and inference, so there is no gap: the loss is {NumberText.Short(TrainingLoss)} in both."
        : $"Same {Images} images, same weights: the loss is {NumberText.Short(TrainingLoss)} with the statistics of the batch and {NumberText.Short(InferenceLoss)} with the running ones"
            + (MetricGap is null ? "" : $", {Metric} {NumberText.Short(TrainingMetric!.Value)} and {NumberText.Short(InferenceMetric!.Value)}")
            + $". A logit differs by up to {NumberText.Short(LargestLogitDifference)}; {SwitchingLayers} of {Layers} batch-norm layers switch.";

    /// <summary>Measures the gap. The model is left as it was.</summary>
    /// <param name="model">Any network; stays the caller's.</param>
    /// <param name="batch">At least 2 images with what should come out, preferably images that the model was trained on; stays the caller's.</param>
    /// <param name="task">What the model was trained for; null for the task that fits the targets, see <see cref="LearningTask.For"/>.</param>
    /// <exception cref="ArgumentException">The model or the batch cannot be diagnosed: no batch-norm layer, values that are not finite, a single image.</exception>
    public static TrainEvalGap Measure(Module<Tensor, Tensor> model, Batch batch, LearningTask? task = null)
    {
        using var probed = new ProbedModel(model, batch.Inputs);
        using var examination = new Examination(probed, batch, task);
        return Measure(examination);
    }

    internal static TrainEvalGap Measure(Examination examination)
    {
        using var scope = NewDisposeScope();
        ProbedModel probed = examination.Probe;
        ((Tensor training, Judgement inTraining, _), (Tensor inference, Judgement inInference, _)) = (examination.Training, examination.Inference);
        return new TrainEvalGap
        {
            Images = examination.Batch.Size,
            Layers = probed.Layers.Count,
            SwitchingLayers = probed.Switching.Count,
            TrainingLoss = inTraining.Loss,
            InferenceLoss = inInference.Loss,
            Metric = inTraining.Figure?.Name,
            TrainingMetric = inTraining.Quality,
            InferenceMetric = inInference.Quality,
            LargestLogitDifference = (training - inference).abs().max().to(float64).item<double>(),
            RelativeLogitDifference = Judgement.Relative(Judgement.Distance(training, inference), Judgement.Spread(training)),
            Notes = probed.Notes,
        };
    }

    internal override IReadOnlyList<TextTable> Tables
    {
        get
        {
            static string Text(double? value) => value is double number ? NumberText.Short(number) : "—";
            return [new TextTable(
                ["", "as in training", "as in inference", "difference"],
                [
                    ["loss", Text(TrainingLoss), Text(InferenceLoss), Text(LossGap)],
                    .. MetricGap is null ? [] : new[] { (IReadOnlyList<string>)[Metric!, Text(TrainingMetric), Text(InferenceMetric), Text(-MetricGap)] },
                    ["largest logit difference", "", "", Text(LargestLogitDifference)],
                    ["RMS logit difference ÷ spread", "", "", Text(RelativeLogitDifference)],
                ],
                [false, true, true, true])];
        }
    }
}
