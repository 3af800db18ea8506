using TorchSharp;
using UnetResnet.Data;
using UnetResnet.Models;
using UnetResnet.Notebooks;
using UnetResnet.Runtime;
using UnetResnet.Training;
using static TorchSharp.torch;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>README's picture: four validation images, and their masks from one and the same network before and after recalibration.</summary>
internal static class CollapsePicture
{
    /// <summary>Where a network is right and wrong on some images.</summary>
    public static IReadOnlyList<PixelImage> Masks(Preset preset, UNetResNet50 unet, IReadOnlyList<SegmentationSample> samples)
    {
        using DisposeScope scope = NewDisposeScope();
        var batch = preset.Batches(new SegmentationDataset([.. samples])).Epoch().First();
        ImageGallery rows = ImageGallery.Segmentation("masks", samples, unet.Predict(batch.Inputs));
        return [.. rows.Cells.Where((_, i) => i % 4 == 3).Select(cell => cell.Picture)];
    }

    /// <summary>The picture.</summary>
    public static byte[] Png(IReadOnlyList<SegmentationSample> samples, IReadOnlyList<PixelImage> before, IReadOnlyList<PixelImage> after, double iouBefore, double iouAfter) => ContactSheet.Png(
        $"The same weights: validation IoU {NumberText.Fixed(iouBefore, 2)} broken, {NumberText.Fixed(iouAfter, 2)} recalibrated",
        [.. samples.Select(s => (s.Image, "image")), .. before.Select(mask => (mask, "broken")), .. after.Select(mask => (mask, "recalibrated"))], samples.Count, SegmentationOverlay.Key);
}
