using UnetResnet.Runtime;

namespace UnetResnet.Training;

/// <summary>How well a network segments a set of images: means over the images, each image counted once.</summary>
/// <param name="Loss">Mean loss, in the unit of the loss function (nats for binary cross-entropy).</param>
/// <param name="IoU">Mean intersection over union of the thresholded prediction with the mask, 0 to 1.</param>
/// <param name="Dice">Mean Dice coefficient (F1) of the thresholded prediction with the mask, 0 to 1.</param>
public sealed record SegmentationScore(double Loss, double IoU, double Dice)
{
    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}
