using TorchSharp;
using UnetResnet.Data;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Notebooks;

/// <summary>Takes the pixels of a gallery out of tensors, and says what is wrong with those that are no pictures.</summary>
internal static class GalleryPixels
{
    // Interpolation may leave the range by rounding errors, not by more.
    private const float Slack = 2e-3f;

    /// <summary>The pictures of a tensor <c>(N, 3 or 1, H, W)</c>, 0 to 255; those without colour in one channel.</summary>
    internal static PixelImage[] Images(Tensor images)
    {
        ArgumentNullException.ThrowIfNull(images);
        if (images.shape is not [> 0, 1 or 3, > 0, > 0])
            throw new ArgumentException($"Expected at least one image of shape (N, 3, H, W), or (N, 1, H, W) in grey, got {Shape(images)}.", nameof(images));
        CheckRange(Values(images), 255, nameof(images), "red, green and blue from 0 to 255. Show the images as they were before preprocessing, or undo it (Preprocessing.Invert)");
        using DisposeScope scope = NewDisposeScope();
        return [.. images.detach().split(1).Select(image => Slim(PixelImage.FromTensor(image)))];
    }

    /// <summary>The values of masks or probabilities <c>(N, 1, H, W)</c>, 0 to 1, image by image.</summary>
    internal static float[][] Shares(Tensor shares, IReadOnlyList<PixelImage> images, string name)
    {
        ArgumentNullException.ThrowIfNull(shares, name);
        long[] expected = [images.Count, 1, images[0].Height, images[0].Width];
        if (!shares.shape.SequenceEqual(expected))
            throw new ArgumentException($"Expected {name} of shape ({string.Join(", ", expected)}) to fit the images, got {Shape(shares)}.", name);
        float[] values = Values(shares);
        CheckRange(values, 1, name, "values from 0 to 1. Apply a sigmoid to logits, divide 8-bit masks by 255");
        return [.. values.Chunk(images[0].Width * images[0].Height)];
    }

    /// <summary>Values from 0 to 1 as a grey picture.</summary>
    internal static PixelImage Grey(float[] values, int width) =>
        new(width, values.Length / width, 1, [.. values.Select(v => (byte)Math.Clamp(MathF.Round(255 * v), 0, 255))]);

    /// <summary>The same picture, in one channel if it has no colour: its PNG is a third of the size.</summary>
    internal static PixelImage Slim(PixelImage picture)
    {
        if (picture.Channels == 1) return picture;
        ReadOnlySpan<byte> pixels = picture.Pixels;
        for (int i = 0; i < pixels.Length; i += 3)
            if (pixels[i] != pixels[i + 1] || pixels[i] != pixels[i + 2]) return picture;
        return picture.ToGrey();
    }

    private static string Shape(Tensor tensor) => $"({string.Join(", ", tensor.shape)})";

    private static float[] Values(Tensor tensor)
    {
        using DisposeScope scope = NewDisposeScope();
        return TensorMemory.Values<float>(tensor.detach().to(float32));
    }

    private static void CheckRange(float[] values, float most, string name, string expected)
    {
        foreach (float value in values)
            if (!(value >= -Slack * most && value <= most + Slack * most))
                throw new ArgumentException($"The {name} hold the value {NumberText.Short(value)}, expected {expected}.", name);
    }
}
