using UnetResnet.Data;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Training;

/// <summary>A loss: the mean over the samples of a batch.</summary>
/// <param name="outputs">What the network gives, before sigmoid or softmax.</param>
/// <param name="targets">What should come out, see <see cref="Batch.Targets"/>.</param>
/// <returns>A scalar with gradient, owned by the caller.</returns>
public delegate Tensor LossFunction(Tensor outputs, Tensor targets);

/// <summary>The losses of the kit: pure functions of outputs and targets.</summary>
public static class Losses
{
    /// <summary>Binary cross-entropy, mean over pixels, in nats: Keras's <c>binary_crossentropy</c> after a sigmoid, computed without its clipping.</summary>
    /// <param name="logits">(N, 1, H, W).</param>
    /// <param name="masks">(N, 1, H, W) of 0 and 1.</param>
    /// <returns>A scalar, owned by the caller.</returns>
    public static Tensor BinaryCrossEntropy(Tensor logits, Tensor masks) => nn.functional.binary_cross_entropy_with_logits(logits, masks);

    /// <summary>Soft Dice loss per image, 1 − (2 Σpm + 1) / (Σp + Σm + 1), then the mean; the 1 lets an empty image be right.</summary>
    /// <param name="logits">(N, 1, H, W).</param>
    /// <param name="masks">(N, 1, H, W) of 0 and 1.</param>
    /// <returns>A scalar from 0 to below 1, owned by the caller.</returns>
    public static Tensor Dice(Tensor logits, Tensor masks)
    {
        using var scope = NewDisposeScope();
        OverflowPage.BringIn();
        Tensor p = logits.sigmoid();
        Tensor both = (p * masks).sum([1, 2, 3]), total = p.sum([1, 2, 3]) + masks.sum([1, 2, 3]);
        return (1 - (2 * both + 1) / (total + 1)).mean().MoveToOuterDisposeScope();
    }

    /// <summary>The sum of <see cref="BinaryCrossEntropy"/> and <see cref="Dice"/>, the usual choice where the foreground is small.</summary>
    /// <param name="logits">(N, 1, H, W).</param>
    /// <param name="masks">(N, 1, H, W) of 0 and 1.</param>
    /// <returns>A scalar, owned by the caller.</returns>
    public static Tensor BinaryCrossEntropyAndDice(Tensor logits, Tensor masks)
    {
        using Tensor crossEntropy = BinaryCrossEntropy(logits, masks), dice = Dice(logits, masks);
        return crossEntropy + dice;
    }

    /// <summary>Softmax cross-entropy, mean over pixels or samples, in nats: Keras's <c>sparse_categorical_crossentropy</c> after a softmax.</summary>
    /// <param name="logits">(N, C, H, W) of pixels, or (N, C) of samples.</param>
    /// <param name="classes">
    /// int64 (N, H, W) or (N): numbers of classes from 0. Pixels of the value <see cref="SegmentationSample.Ignored"/> do not count; where none counts the loss is 0.
    /// </param>
    /// <returns>A scalar, owned by the caller.</returns>
    public static Tensor CrossEntropy(Tensor logits, Tensor classes)
    {
        if (classes.dim() == 1) return nn.functional.cross_entropy(logits, classes);
        using var scope = NewDisposeScope();
        Tensor sum = nn.functional.cross_entropy(logits, classes, ignore_index: SegmentationSample.Ignored, reduction: nn.Reduction.Sum);
        return (sum / (classes != SegmentationSample.Ignored).sum().clamp_min(1)).MoveToOuterDisposeScope();
    }
}
