using static TorchSharp.torch;

namespace UnetResnet.Training;

/// <summary>A loss of a segmentation: the mean over the images of a batch.</summary>
/// <param name="logits">(N, 1, H, W), before the sigmoid.</param>
/// <param name="masks">(N, 1, H, W) of 0 and 1.</param>
/// <returns>A scalar with gradient, owned by the caller.</returns>
public delegate Tensor SegmentationLoss(Tensor logits, Tensor masks);

/// <summary>The losses of the kit: pure functions of logits and masks.</summary>
public static class SegmentationLosses
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
}
