using System.Numerics;
using UnetResnet.Runtime;

namespace UnetResnet.Data;

/// <summary>One image and the mask of what is to be found in it.</summary>
public sealed record SegmentationSample
{
    /// <summary>Mask values above this one are foreground, unless a folder's options say otherwise.</summary>
    public const byte ForegroundThreshold = 127;

    /// <summary>The value of mask pixels that no loss and no score counts, in masks with class numbers.</summary>
    public const byte Ignored = 255;

    /// <summary>Pairs an image with its mask.</summary>
    /// <param name="name">Name in messages and captions, usually the file's stem.</param>
    /// <param name="image">The image, grey or RGB.</param>
    /// <param name="mask">
    /// The mask: grey, of the image's size. With one class 0 is background and 255 foreground (any value above 127 counts as foreground); with more it holds the numbers of
    /// the classes from 0, and <see cref="Ignored"/> where a pixel does not count.
    /// </param>
    /// <param name="classes">1 for a mask of foreground, 2 to 255 for one of class numbers; see <see cref="Models.UNetOptions.Classes"/>.</param>
    /// <exception cref="ArgumentException">The mask has another size, more than one channel, or a value that is no class.</exception>
    public SegmentationSample(string name, PixelImage image, PixelImage mask, int classes = 1)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(mask);
        if (mask.Channels != 1)
            throw new ArgumentException($"The mask of '{name}' has {mask.Channels} channels; a mask has one. Convert it with ToGrey().", nameof(mask));
        if ((mask.Width, mask.Height) != (image.Width, image.Height))
            throw new ArgumentException(
                $"The image of '{name}' is {image.Width}×{image.Height}, its mask {mask.Width}×{mask.Height}; both must be of one size.", nameof(mask));
        if (classes is not (>= 1 and <= 255)) throw new ArgumentOutOfRangeException(nameof(classes), classes, "A mask has 1 class (foreground) or 2 to 255 (numbers from 0).");
        if (classes > 1 && NoClass(mask, classes) is { } wrong)
            throw new ArgumentException($"The mask of '{name}' has the value {wrong}, which is none of the classes 0 to {classes - 1} and not {Ignored} (ignored).", nameof(mask));
        (Name, Image, Mask, Classes) = (name, image, mask, classes);
    }

    /// <summary>Name in messages and captions.</summary>
    public string Name { get; }

    /// <summary>The image, grey or RGB.</summary>
    public PixelImage Image { get; }

    /// <summary>The mask, grey, of the image's size: 0 is background, 255 foreground; with several <see cref="Classes"/> their numbers.</summary>
    public PixelImage Mask { get; }

    /// <summary>1 for a mask of foreground, 2 or more for one of class numbers.</summary>
    public int Classes { get; }

    /// <summary>The sample in another size. A pixel of a mask of foreground is set where at least half of its area is; one of class numbers takes the nearest pixel's.</summary>
    /// <param name="width">Width in pixels, at least 1.</param>
    /// <param name="height">Height in pixels, at least 1.</param>
    public SegmentationSample Resize(int width, int height) => new(
        Name, Image.Resize(width, height), ResizeMask(Mask, width, height, Classes), Classes);

    /// <summary>The mask of <see cref="Resize"/>.</summary>
    internal static PixelImage ResizeMask(PixelImage mask, int width, int height, int classes) =>
        classes == 1 ? Foreground(mask.Resize(width, height), ForegroundThreshold) : Resampling.Nearest(mask, width, height);

    /// <summary>The same threshold in masks of 0 to 1: halfway between the two values of bytes that it parts, ½.</summary>
    internal const float ForegroundShare = (ForegroundThreshold + 0.5f) / 255;

    /// <summary>Whether a mask value means foreground.</summary>
    internal static bool IsForeground(byte maskValue) => maskValue > ForegroundThreshold;

    /// <summary>A mask of 0 and 255.</summary>
    internal static PixelImage Foreground(PixelImage mask, byte threshold)
    {
        ReadOnlySpan<byte> values = mask.Pixels;
        byte[] result = GC.AllocateUninitializedArray<byte>(values.Length);
        var limit = new Vector<byte>(threshold);
        int i = 0;
        for (; i + Vector<byte>.Count <= result.Length; i += Vector<byte>.Count) Vector.GreaterThan(new Vector<byte>(values[i..]), limit).CopyTo(result, i);
        for (; i < result.Length; i++) result[i] = values[i] > threshold ? (byte)255 : (byte)0;
        return new PixelImage(mask.Width, mask.Height, mask.Channels, result);
    }

    /// <summary>The first mask value that is no class and not ignored, or null.</summary>
    internal static byte? NoClass(PixelImage mask, int classes)
    {
        foreach (byte value in mask.Pixels)
        {
            if (value >= classes && value != Ignored) return value;
        }

        return null;
    }

    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}
