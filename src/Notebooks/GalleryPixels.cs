using TorchSharp;
using UnetResnet.Notebooks.Drawing;
using static TorchSharp.torch;

namespace UnetResnet.Notebooks;

/// <summary>Takes the pixels of a gallery out of tensors, and says what is wrong with those that are no pictures.</summary>
internal static class GalleryPixels
{
    /// <summary>The pictures of a tensor <c>(N, 3 or 1, H, W)</c>, 0 to 255.</summary>
    internal static IReadOnlyList<RgbPicture> Images(Tensor images)
    {
        ArgumentNullException.ThrowIfNull(images);
        if (images.shape is not [> 0, 1 or 3, > 0, > 0])
            throw new ArgumentException($"Expected images of shape (N, 3, H, W), or (N, 1, H, W) in grey, with at least one image, got ({string.Join(", ", images.shape)}).", nameof(images));
        (int count, int channels, int height, int width) = ((int)images.shape[0], (int)images.shape[1], (int)images.shape[2], (int)images.shape[3]);
        float[] values = Values(images);
        // Interpolation may overshoot by rounding errors, not by more.
        CheckRange(values, 255, 0.5f, "images", "red, green and blue from 0 to 255. Show the images as they were before preprocessing, or undo it");
        var pictures = new List<RgbPicture>(count);
        for (int n = 0; n < count; n++)
        {
            var picture = new RgbPicture(width, height);
            byte At(int c, int y, int x) => ToByte(values[((n * channels + (channels == 3 ? c : 0)) * height + y) * width + x]);
            for (int y = 0; y < height; y++)
                for (int x = 0; x < width; x++)
                    picture[x, y] = (At(0, y, x), At(1, y, x), At(2, y, x));
            pictures.Add(picture);
        }
        return pictures;
    }

    /// <summary>The values of masks or probabilities <c>(N, 1, H, W)</c>, 0 to 1, image by image.</summary>
    internal static float[][] Shares(Tensor shares, long[] images, string name)
    {
        ArgumentNullException.ThrowIfNull(shares, name);
        long[] expected = [images[0], 1, images[2], images[3]];
        if (!shares.shape.SequenceEqual(expected))
            throw new ArgumentException($"Expected {name} of shape ({string.Join(", ", expected)}) to fit the images, got ({string.Join(", ", shares.shape)}).", name);
        float[] values = Values(shares);
        CheckRange(values, 1, 1e-3f, name, "values from 0 to 1. Apply a sigmoid to logits, divide 8-bit masks by 255");
        return [.. values.Chunk((int)(images[2] * images[3]))];
    }

    /// <summary>Values from 0 to 1 as a grey picture.</summary>
    internal static RgbPicture Grey(float[] values, int width)
    {
        var picture = new RgbPicture(width, values.Length / width);
        for (int i = 0; i < values.Length; i++)
        {
            byte grey = ToByte(255 * values[i]);
            picture[i % width, i / width] = (grey, grey, grey);
        }
        return picture;
    }

    /// <summary>Intersection over union of two sets of pixels; 1 if both are empty.</summary>
    internal static double IoU(bool[] mask, bool[] predicted)
    {
        int both = 0, either = 0;
        for (int i = 0; i < mask.Length; i++)
        {
            if (mask[i] && predicted[i]) both++;
            if (mask[i] || predicted[i]) either++;
        }
        return either == 0 ? 1 : (double)both / either;
    }

    internal static void CheckCount(IReadOnlyList<string>? texts, int count, string name)
    {
        if (texts is not null && texts.Count != count) throw new ArgumentException($"Expected one of the {name} for each of the {count} images, got {texts.Count}.", name);
    }

    private static byte ToByte(float value) => (byte)Math.Clamp(MathF.Round(value), 0, 255);

    private static float[] Values(Tensor tensor)
    {
        using DisposeScope scope = NewDisposeScope();
        return tensor.detach().cpu().to(float32).contiguous().data<float>().ToArray();
    }

    private static void CheckRange(float[] values, float most, float slack, string name, string cure)
    {
        foreach (float value in values)
            if (!(value >= -slack && value <= most + slack))
                throw new ArgumentException($"The {name} hold the value {value}, expected {cure}.", name);
    }
}
