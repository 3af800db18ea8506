using UnetResnet.Data;
using static TorchSharp.torch;

namespace UnetResnet.Training;

/// <summary>How good predictions are: pure functions of outputs and targets.</summary>
public static class Metrics
{
    /// <summary>Intersection over union at probability 0.5. Nothing predicted where nothing is counts as 1.</summary>
    /// <param name="logits">(N, 1, H, W), before the sigmoid.</param>
    /// <param name="masks">(N, 1, H, W) of 0 and 1.</param>
    /// <returns>(N) in 0 to 1, owned by the caller.</returns>
    public static Tensor IoU(Tensor logits, Tensor masks)
    {
        using var scope = NewDisposeScope();
        return Overlap(logits > 0, masks > SegmentationSample.ForegroundShare).MoveToOuterDisposeScope();
    }

    /// <summary>Intersection over union of two sets of pixels; 1 where both are empty.</summary>
    /// <param name="predicted">bool (N, …).</param>
    /// <param name="there">bool (N, …).</param>
    /// <returns>(N) in 0 to 1, owned by the caller.</returns>
    internal static Tensor Overlap(Tensor predicted, Tensor there)
    {
        using var scope = NewDisposeScope();
        (Tensor both, Tensor either) = Counts(predicted, there);
        return where(either > 0, both / either.clamp_min(1), ones_like(both)).MoveToOuterDisposeScope();
    }

    /// <summary>Dice coefficient (F1) at probability 0.5. Nothing predicted where nothing is counts as 1.</summary>
    /// <param name="logits">(N, 1, H, W), before the sigmoid.</param>
    /// <param name="masks">(N, 1, H, W) of 0 and 1.</param>
    /// <returns>(N) in 0 to 1, owned by the caller.</returns>
    public static Tensor Dice(Tensor logits, Tensor masks)
    {
        using var scope = NewDisposeScope();
        (Tensor both, Tensor either) = Counts(logits > 0, masks > SegmentationSample.ForegroundShare);
        return where(either > 0, 2 * both / (both + either).clamp_min(1), ones_like(both)).MoveToOuterDisposeScope();
    }

    /// <summary>Whether the class of the largest logit is the right one.</summary>
    /// <param name="logits">(N, C).</param>
    /// <param name="classes">int64 (N).</param>
    /// <returns>(N) of 0 and 1, owned by the caller.</returns>
    public static Tensor Accuracy(Tensor logits, Tensor classes)
    {
        using var scope = NewDisposeScope();
        return (logits.argmax(1) == classes).to(float32).MoveToOuterDisposeScope();
    }

    /// <summary>How often each class is taken for each: the sum over pixels, from which every score of a segmentation follows.</summary>
    /// <param name="logits">(N, C, H, W).</param>
    /// <param name="classes">int64 (N, H, W); pixels of the value <see cref="SegmentationSample.Ignored"/> do not count.</param>
    /// <returns>float64 (C, C), the right class by row, the predicted one by column; owned by the caller.</returns>
    public static Tensor ConfusionMatrix(Tensor logits, Tensor classes)
    {
        using var scope = NewDisposeScope();
        long count = logits.shape[1];
        Tensor counted = classes != SegmentationSample.Ignored;
        Tensor pairs = (classes * count + logits.argmax(1)).masked_select(counted);
        return pairs.bincount(null, minlength: count * count).reshape(count, count).to(float64).MoveToOuterDisposeScope();
    }

    /// <summary>Intersection over union of each class of a confusion matrix; NaN where a class neither occurs nor is predicted.</summary>
    /// <param name="confusion">The matrix row by row, C · C numbers, see <see cref="ConfusionMatrix"/>.</param>
    public static IReadOnlyList<double> ClassIoU(IReadOnlyList<double> confusion)
    {
        int classes = (int)Math.Round(Math.Sqrt(confusion.Count));
        return [.. Enumerable.Range(0, classes).Select(c =>
        {
            double there = Enumerable.Range(0, classes).Sum(k => confusion[c * classes + k]), predicted = Enumerable.Range(0, classes).Sum(k => confusion[k * classes + c]), both = confusion[c * classes + c];
            return there + predicted > 0 ? both / (there + predicted - both) : double.NaN;
        })];
    }

    private static (Tensor Both, Tensor Either) Counts(Tensor predicted, Tensor there) =>
        (predicted.logical_and(there).flatten(1).sum([1]).to(float32), predicted.logical_or(there).flatten(1).sum([1]).to(float32));
}
