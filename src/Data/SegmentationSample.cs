namespace UnetResnet.Data;

/// <summary>One image and the mask of what is to be found in it.</summary>
public sealed record SegmentationSample
{
    /// <summary>Pairs an image with its mask.</summary>
    /// <param name="name">Name in messages and captions, usually the file's stem.</param>
    /// <param name="image">The image, grey or RGB.</param>
    /// <param name="mask">The mask: grey, of the image's size; 0 is background and 255 foreground (any value above 127 counts as foreground).</param>
    /// <exception cref="ArgumentException">The mask has another size or more than one channel.</exception>
    public SegmentationSample(string name, PixelImage image, PixelImage mask)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(mask);
        if (mask.Channels != 1)
            throw new ArgumentException($"The mask of '{name}' has {mask.Channels} channels; a mask has one. Convert it with ToGrey().", nameof(mask));
        if ((mask.Width, mask.Height) != (image.Width, image.Height))
            throw new ArgumentException(
                $"The image of '{name}' is {image.Width}×{image.Height}, its mask {mask.Width}×{mask.Height}; both must be of one size.", nameof(mask));
        (Name, Image, Mask) = (name, image, mask);
    }

    /// <summary>Name in messages and captions.</summary>
    public string Name { get; }

    /// <summary>The image, grey or RGB.</summary>
    public PixelImage Image { get; }

    /// <summary>The mask, grey, of the image's size: 0 is background, 255 foreground.</summary>
    public PixelImage Mask { get; }

    /// <summary>Whether a mask value means foreground.</summary>
    internal static bool IsForeground(byte maskValue) => maskValue > 127;
}
