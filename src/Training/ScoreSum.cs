using static TorchSharp.torch;

namespace UnetResnet.Training;

/// <summary>Adds up the scores of batches, weighted by their number of images.</summary>
internal sealed class ScoreSum
{
    private double loss, iou, dice;
    private long images;

    internal void Add(double batchLoss, Tensor logits, Tensor masks)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        long n = masks.shape[0];
        loss += batchLoss * n;
        iou += SegmentationMetrics.IoU(logits, masks).sum().item<float>();
        dice += SegmentationMetrics.Dice(logits, masks).sum().item<float>();
        images += n;
    }

    internal SegmentationScore Mean() => images > 0
        ? new SegmentationScore(loss / images, iou / images, dice / images)
        : throw new InvalidOperationException("The loader gave no batch: its dataset is empty, or smaller than one batch while incomplete batches are dropped.");
}
