using UnetResnet.Training;
using static TorchSharp.torch;

namespace UnetResnet.Diagnosis;

/// <summary>How good one output is.</summary>
/// <param name="Loss">In the unit of the loss, nats for binary cross-entropy.</param>
/// <param name="IoU">Mean intersection over union, or null where the targets are no masks.</param>
internal readonly record struct Judgement(double Loss, double? IoU)
{
    /// <summary>Judges an output.</summary>
    /// <param name="output">The model's output.</param>
    /// <param name="targets">What should have come out.</param>
    /// <param name="loss">Null for binary cross-entropy of logits with masks.</param>
    /// <exception cref="ArgumentException">Without a loss of its own, the output has another shape than the targets.</exception>
    internal static Judgement Of(Tensor output, Tensor targets, SegmentationLoss? loss)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        bool alike = output.shape.SequenceEqual(targets.shape);
        if (loss is null && !alike)
            throw new ArgumentException($"The model gives ({string.Join(", ", output.shape)}) and the masks are ({string.Join(", ", targets.shape)}), which binary cross-entropy cannot compare. Pass the loss that the model was trained with.", nameof(loss));
        bool masks = alike && targets.dim() == 4 && targets.shape[1] == 1;
        return new Judgement(
            (loss ?? SegmentationLosses.BinaryCrossEntropy)(output, targets).to(float64).item<double>(),
            masks ? SegmentationMetrics.IoU(output, targets).mean().item<float>() : null);
    }

    /// <summary>Root of the mean squared difference of two outputs.</summary>
    internal static double Distance(Tensor a, Tensor b)
    {
        using var scope = NewDisposeScope();
        return Math.Sqrt((a - b).square().mean().to(float64).item<double>());
    }

    /// <summary>Standard deviation of an output over all its values.</summary>
    internal static double Spread(Tensor output)
    {
        using var scope = NewDisposeScope();
        return output.std(unbiased: false).to(float64).item<double>();
    }
}
