namespace UnetResnet.Data;

/// <summary>How <see cref="ImageMaskFolder"/> pairs and reads files.</summary>
public sealed record ImageMaskFolderOptions
{
    /// <summary>What a mask's file stem has more than its image's: <c>"_mask"</c> pairs <c>dog.jpg</c> with <c>dog_mask.png</c>. Default: nothing.</summary>
    public string MaskSuffix { get; init; } = "";

    /// <summary>Mask values above this one are foreground. The default, 127, suits masks of 0 and 255; 0 suits masks of 0 and 1 and coloured masks.</summary>
    public byte MaskThreshold { get; init; } = 127;

    /// <summary>Side in pixels to which images and masks are resized as they are read, a multiple of 32; null (default) leaves them as they are.</summary>
    public int? Side { get; init; }
}

/// <summary>Reads pairs of images and masks from two folders (which may be one and the same where masks have a suffix).</summary>
public static class ImageMaskFolder
{
    private static readonly string[] Extensions = [".png", ".jpg", ".jpeg"];

    /// <summary>Reads all PNG and JPEG images with their masks, paired by file name without extension, in ordinal order of their names.</summary>
    /// <param name="imagesDirectory">Folder of images.</param>
    /// <param name="masksDirectory">Folder of masks.</param>
    /// <param name="options">Pairing and reading; null for the defaults.</param>
    /// <exception cref="DatasetException">
    /// A folder is missing or empty, an image has no mask, a mask no image, a name occurs twice, sizes differ, a file is corrupt,
    /// or a mask has values but none above the threshold. Every message names the file and the cure.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">The side asked for is no multiple of 32.</exception>
    public static SegmentationDataset Load(string imagesDirectory, string masksDirectory, ImageMaskFolderOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(imagesDirectory);
        ArgumentException.ThrowIfNullOrEmpty(masksDirectory);
        options ??= new ImageMaskFolderOptions();
        bool oneFolder = Path.GetFullPath(imagesDirectory) == Path.GetFullPath(masksDirectory);
        if (oneFolder && options.MaskSuffix.Length == 0)
            throw new ArgumentException("Images and masks in one folder need a MaskSuffix to tell them apart.", nameof(options));

        SortedDictionary<string, string> images = List(imagesDirectory, stem => oneFolder && stem.EndsWith(options.MaskSuffix, StringComparison.Ordinal) ? null : stem);
        SortedDictionary<string, string> masks = List(masksDirectory, stem => stem.EndsWith(options.MaskSuffix, StringComparison.Ordinal) ? stem[..^options.MaskSuffix.Length] : null);
        if (images.Count == 0)
            throw new DatasetException(imagesDirectory, "holds no images", $"files named {string.Join(", ", Extensions.Select(e => "*" + e))}", "Check the path, or put images there.");
        foreach ((string stem, string image) in images)
        {
            if (!masks.ContainsKey(stem))
                throw new DatasetException(image, "has no mask", $"{Path.Combine(masksDirectory, stem + options.MaskSuffix)}.png", "Add the mask, or remove the image.");
        }

        foreach ((string stem, string mask) in masks)
        {
            if (!images.ContainsKey(stem))
                throw new DatasetException(mask, "is a mask without an image", $"{Path.Combine(imagesDirectory, stem)}.png", "Add the image, or remove the mask.");
        }

        var dataset = new List<SegmentationSample>(images.Count);
        foreach ((string stem, string image) in images)
        {
            SegmentationSample sample = Read(stem, image, masks[stem], options.MaskThreshold);
            dataset.Add(options.Side is int side ? new SegmentationDataset([sample]).Resize(side)[0] : sample);
        }

        return new SegmentationDataset(dataset);
    }

    /// <summary>Reads one pair; the mask becomes 0 and 255.</summary>
    internal static SegmentationSample Read(string name, string imagePath, string maskPath, byte threshold = 127)
    {
        PixelImage image = ImageCodec.Load(imagePath);
        PixelImage mask = ImageCodec.Load(maskPath).ToGrey();
        if ((mask.Width, mask.Height) != (image.Width, image.Height))
            throw new DatasetException(
                maskPath, $"is {mask.Width}×{mask.Height} pixels", $"the size of its image {imagePath}, {image.Width}×{image.Height}", "Export the mask in the image's size.");
        byte highest = 0;
        foreach (byte value in mask.Pixels) highest = Math.Max(highest, value);
        if (highest > 0 && highest <= threshold)
            throw new DatasetException(
                maskPath, $"has no value above {highest}", $"foreground above the threshold {threshold}", "Set MaskThreshold = 0 if the mask marks foreground by small numbers.");
        return new SegmentationSample(name, image, mask.Map(value => value > threshold ? (byte)255 : (byte)0));
    }

    /// <summary>Image files of a folder by the name that pairs them; <paramref name="key"/> gives null for files that are not meant.</summary>
    private static SortedDictionary<string, string> List(string directory, Func<string, string?> key)
    {
        if (!Directory.Exists(directory))
            throw new DatasetException(directory, "does not exist", "a folder of images", "Check the path.");
        var files = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (string file in Directory.EnumerateFiles(directory).Order(StringComparer.Ordinal))
        {
            if (!Extensions.Contains(Path.GetExtension(file), StringComparer.OrdinalIgnoreCase)) continue;
            if (key(Path.GetFileNameWithoutExtension(file)) is not string stem) continue;
            if (!files.TryAdd(stem, file))
                throw new DatasetException(file, $"has the same name as {files[stem]}", "one file for each name", "Rename or remove one of the two.");
        }

        return files;
    }
}
