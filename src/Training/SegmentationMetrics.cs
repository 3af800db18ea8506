using static TorchSharp.torch;

namespace UnetResnet.Training;

/// <summary>How well predictions cover masks: pure functions, one value per image.</summary>
public static class SegmentationMetrics
{
    /// <summary>Intersection over union at probability 0.5. Nothing predicted where nothing is counts as 1.</summary>
    /// <param name="logits">(N, 1, H, W), before the sigmoid.</param>
    /// <param name="masks">(N, 1, H, W) of 0 and 1.</param>
    /// <returns>(N) in 0 to 1, owned by the caller.</returns>
    public static Tensor IoU(Tensor logits, Tensor masks)
    {
        using var scope = NewDisposeScope();
        (Tensor both, Tensor either) = Counts(logits, masks);
        return where(either > 0, both / either.clamp_min(1), ones_like(both)).MoveToOuterDisposeScope();
    }

    /// <summary>Dice coefficient (F1) at probability 0.5. Nothing predicted where nothing is counts as 1.</summary>
    /// <param name="logits">(N, 1, H, W), before the sigmoid.</param>
    /// <param name="masks">(N, 1, H, W) of 0 and 1.</param>
    /// <returns>(N) in 0 to 1, owned by the caller.</returns>
    public static Tensor Dice(Tensor logits, Tensor masks)
    {
        using var scope = NewDisposeScope();
        (Tensor both, Tensor either) = Counts(logits, masks);
        return where(either > 0, 2 * both / (both + either).clamp_min(1), ones_like(both)).MoveToOuterDisposeScope();
    }

    private static (Tensor Both, Tensor Either) Counts(Tensor logits, Tensor masks)
    {
        Tensor predicted = logits > 0, there = masks > 0.5;
        return (predicted.logical_and(there).sum([1, 2, 3]).to(float32), predicted.logical_or(there).sum([1, 2, 3]).to(float32));
    }
}
