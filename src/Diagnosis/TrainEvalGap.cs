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

    /// <summary>Mean intersection over union as in training, 0 to 1, or null where the targets are no masks.</summary>
    public required double? TrainingIoU { get; init; }

    /// <summary>Mean intersection over union as in inference, 0 to 1, or null where the targets are no masks.</summary>
    public required double? InferenceIoU { get; init; }

    /// <summary>Largest difference of a logit between the two.</summary>
    public required double LargestLogitDifference { get; init; }

    /// <summary>Root mean square of the differences, in standard deviations of the logits in training.</summary>
    public required double RelativeLogitDifference { get; init; }

    /// <summary>Loss in inference less the loss in training; above 0 the model is worse in inference.</summary>
    public double LossGap => InferenceLoss - TrainingLoss;

    /// <summary>IoU in training less IoU in inference, or null where the targets are no masks.</summary>
    public double? IoUGap => TrainingIoU - InferenceIoU;

    /// <inheritdoc/>
    public override string Title => "Training against inference on one batch";

    /// <inheritdoc/>
    public override string Finding => SwitchingLayers == 0
        ? $"None of the {Layers} batch-norm layers differs between training and inference, so there is no gap: the loss is {NumberText.Short(TrainingLoss)} in both."
        : $"Same {Images} images, same weights: the loss is {NumberText.Short(TrainingLoss)} with the statistics of the batch and {NumberText.Short(InferenceLoss)} with the running ones"
            + (IoUGap is null ? "" : $", IoU {NumberText.Short(TrainingIoU!.Value)} and {NumberText.Short(InferenceIoU!.Value)}")
            + $". A logit differs by up to {NumberText.Short(LargestLogitDifference)}; {SwitchingLayers} of {Layers} batch-norm layers switch.";

    /// <summary>Measures the gap. The model is left as it was.</summary>
    /// <param name="model">Any network; stays the caller's.</param>
    /// <param name="batch">At least 2 images with what should come out, preferably images that the model was trained on; stays the caller's.</param>
    /// <param name="loss">The loss that the model was trained with; null for binary cross-entropy of logits with masks.</param>
    /// <exception cref="ArgumentException">The model or the batch cannot be diagnosed: no batch-norm layer, values that are not finite, a single image.</exception>
    public static TrainEvalGap Measure(Module<Tensor, Tensor> model, Batch batch, SegmentationLoss? loss = null)
    {
        using var probed = new ProbedModel(model, batch.Images);
        return Measure(probed, batch, loss);
    }

    internal static TrainEvalGap Measure(ProbedModel probed, Batch batch, SegmentationLoss? loss)
    {
        probed.CheckBatchSize(batch.Size);
        using var scope = NewDisposeScope();
        probed.AsInTraining();
        Tensor training = probed.Forward(batch.Images);
        probed.AsInInference();
        Tensor inference = probed.Forward(batch.Images);
        (Judgement inTraining, Judgement inInference) = (Judgement.Of(training, batch.Masks, loss), Judgement.Of(inference, batch.Masks, loss));
        double distance = Judgement.Distance(training, inference);
        return new TrainEvalGap
        {
            Images = batch.Size,
            Layers = probed.Layers.Count,
            SwitchingLayers = probed.Switching.Count,
            TrainingLoss = inTraining.Loss,
            InferenceLoss = inInference.Loss,
            TrainingIoU = inTraining.IoU,
            InferenceIoU = inInference.IoU,
            LargestLogitDifference = (training - inference).abs().max().to(float64).item<double>(),
            RelativeLogitDifference = distance == 0 ? 0 : distance / Judgement.Spread(training),
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
                    .. IoUGap is null ? [] : new[] { (IReadOnlyList<string>)["IoU", Text(TrainingIoU), Text(InferenceIoU), Text(-IoUGap)] },
                    ["largest logit difference", "", "", Text(LargestLogitDifference)],
                    ["RMS logit difference ÷ spread", "", "", Text(RelativeLogitDifference)],
                ],
                [false, true, true, true])];
        }
    }
}
