using UnetResnet.Runtime;

namespace UnetResnet.Data;

/// <summary>How <see cref="ImageMaskFolder"/> pairs and reads files.</summary>
public sealed record ImageMaskFolderOptions
{
    /// <summary>What a mask's file stem has more than its image's: <c>"_mask"</c> pairs <c>dog.jpg</c> with <c>dog_mask.png</c>. Default: nothing.</summary>
    public string MaskSuffix { get; init; } = "";

    /// <summary>Mask values above this one are foreground. The default, 127, suits masks of 0 and 255; 0 suits masks of 0 and 1 and coloured masks.</summary>
    public byte MaskThreshold { get; init; } = SegmentationSample.ForegroundThreshold;

    /// <summary>
    /// 1 (default) for masks of foreground. 2 to 255 for masks whose grey values are the numbers of the classes from 0, with 255 where a pixel does not count; the
    /// threshold then plays no part. See <see cref="Models.UNetOptions.Classes"/>.
    /// </summary>
    public int Classes { get; init; } = 1;

    /// <summary>
    /// Side in pixels to which images and masks are resized as they are read, a multiple of 32; null (default) leaves them as they are. A JPEG that is at least twice as large
    /// is decoded at a half, quarter or eighth of its size first, which is faster and not exactly the area average.
    /// </summary>
    public int? Side { get; init; }

    /// <summary>
    /// Bytes of decoded images and masks that stay in memory, 0 or more; the others are read anew in every epoch. A pair of <c>Side</c> s takes 4·s² bytes in colour, 2·s² in grey.
    /// Default: 1 GiB.
    /// </summary>
    public long MemoryBudget { get; init; } = 1L << 30;

    /// <summary>
    /// What becomes of files that cannot be used. <see cref="Data.OnError.Throw"/> (default) names the first. <see cref="Data.OnError.Skip"/> leaves their pairs out, and
    /// <see cref="SegmentationDataset.Skipped"/> lists them; every pair is then decoded once at opening, because damage inside a picture shows in no other way.
    /// </summary>
    public OnError OnError { get; init; }

    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}

/// <summary>
/// Pairs of images and masks from two folders (which may be one and the same where masks have a suffix). The folders may be larger than memory: a pair is decoded when it is
/// wanted, by <see cref="BatchLoader"/> while the network trains, and stays in memory as far as <see cref="ImageMaskFolderOptions.MemoryBudget"/> allows.
/// </summary>
public static class ImageMaskFolder
{
    private static readonly string[] Extensions = [".png", ".jpg", ".jpeg"];

    /// <summary>
    /// Finds all PNG and JPEG images with their masks, paired by file name without extension, in ordinal order of their names. Names, sizes and ends of all files are checked
    /// at once, and the first pair is read whole, because a threshold or number of classes that does not fit shows in it. Damage inside a picture shows when it is read.
    /// Hidden files, such as the <c>._name.png</c> of macOS, are not looked at.
    /// </summary>
    /// <param name="imagesDirectory">Folder of images.</param>
    /// <param name="masksDirectory">Folder of masks.</param>
    /// <param name="options">Pairing and reading; null for the defaults.</param>
    /// <exception cref="DatasetException">
    /// A folder is missing or empty, an image has no mask, a mask no image, a name occurs twice, sizes differ, a file is corrupt,
    /// a mask has values but none above the threshold, or a value that is no class. Every message names the file and the cure. Where faults are skipped: no pair is left.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">The side asked for is no multiple of 32, the number of classes is not 1 to 255, or the budget is below 0.</exception>
    public static SegmentationDataset Load(string imagesDirectory, string masksDirectory, ImageMaskFolderOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(imagesDirectory);
        ArgumentException.ThrowIfNullOrEmpty(masksDirectory);
        options ??= new ImageMaskFolderOptions();
        if (options.Classes is not (>= 1 and <= 255)) throw new ArgumentOutOfRangeException(nameof(options), options.Classes, "Masks have 1 class (foreground) or 2 to 255 (numbers from 0).");
        if (options.MemoryBudget < 0) throw new ArgumentOutOfRangeException(nameof(options), options.MemoryBudget, "The memory budget is a number of bytes, 0 or more; 0 keeps no image.");
        if (!Enum.IsDefined(options.OnError)) throw new ArgumentOutOfRangeException(nameof(options), options.OnError, "OnError is Throw or Skip.");
        if (options.Side is int wanted) SegmentationDataset.CheckSide(wanted);
        bool oneFolder = Path.GetFullPath(imagesDirectory) == Path.GetFullPath(masksDirectory);
        if (oneFolder && options.MaskSuffix.Length == 0)
            throw new ArgumentException("Images and masks in one folder need a MaskSuffix to tell them apart.", nameof(options));

        bool skips = options.OnError == OnError.Skip;
        var skipped = new List<SkippedFile>();
        void Refuse(DatasetException fault)
        {
            if (!skips) throw fault;
            skipped.Add(new SkippedFile(fault.File, fault.Message));
        }

        SortedDictionary<string, string> images = List(imagesDirectory, stem => oneFolder && stem.EndsWith(options.MaskSuffix, StringComparison.Ordinal) ? null : stem, Refuse);
        SortedDictionary<string, string> masks = List(masksDirectory, stem => stem.EndsWith(options.MaskSuffix, StringComparison.Ordinal) ? stem[..^options.MaskSuffix.Length] : null, Refuse);
        if (images.Count == 0) throw NoImages(imagesDirectory);
        foreach ((string stem, string image) in images.Where(image => !masks.ContainsKey(image.Key)))
            Refuse(new DatasetException(image, "has no mask", $"{Path.Combine(masksDirectory, stem + options.MaskSuffix)}.png", "Add the mask, or remove the image."));
        foreach ((string stem, string mask) in masks.Where(mask => !images.ContainsKey(mask.Key)))
            Refuse(new DatasetException(mask, "is a mask without an image", $"{Path.Combine(imagesDirectory, stem)}.png", "Add the image, or remove the mask."));

        (string Stem, string Image, string Mask)[] pairs = [.. images.Where(image => masks.ContainsKey(image.Key)).Select(image => (image.Key, image.Value, masks[image.Key]))];
        var budget = new MemoryBudget(options.MemoryBudget);
        var slots = new SampleSlot?[pairs.Length];
        var faults = new DatasetException?[pairs.Length];
        InParallel.For(pairs.Length, InParallel.DefaultWorkers, i =>
        {
            try
            {
                SampleSlot slot = Open(pairs[i].Stem, pairs[i].Image, pairs[i].Mask, options, budget);
                if (skips || i == 0) slot.Get();
                slots[i] = slot;
            }
            catch (DatasetException e) when (skips)
            {
                faults[i] = e;
            }
        });
        foreach (DatasetException fault in faults.OfType<DatasetException>()) Refuse(fault);
        SampleSlot[] sound = [.. slots.OfType<SampleSlot>()];
        return sound.Length > 0 ? new SegmentationDataset(sound, skipped) : throw new DatasetException(
            imagesDirectory, $"holds no pair that can be used; the first of {skipped.Count} faults: {skipped[0].Problem.TrimEnd('.')}", "at least one sound image with its mask", "Set OnError to Throw to see one fault at a time.");
    }

    private static SampleSlot Open(string name, string image, string mask, ImageMaskFolderOptions options, MemoryBudget budget)
    {
        (int width, int height) = ImageCodec.SizeOf(image);
        CheckSize(mask, ImageCodec.SizeOf(mask), image, (width, height));
        return options.Side is int side
            ? new SampleSlot(name, side, side, options.Classes, () => Read(name, image, mask, options, side), budget)
            : new SampleSlot(name, width, height, options.Classes, () => Read(name, image, mask, options), budget);
    }

    private static void CheckSize(string mask, (int Width, int Height) size, string image, (int Width, int Height) expected)
    {
        if (size != expected)
            throw new DatasetException(
                mask, $"is {size.Width}×{size.Height} pixels", $"the size of its image {image}, {expected.Width}×{expected.Height}", "Export the mask in the image's size.");
    }

    /// <summary>Whether a file is called as an image that can be read. Hidden files are not meant: macOS puts a <c>._name.png</c>, which is none, beside each <c>name.png</c> of some disks.</summary>
    internal static bool IsImage(string file) => Extensions.Contains(Path.GetExtension(file), StringComparer.OrdinalIgnoreCase) && !IsHidden(file);

    /// <summary>Whether a file or folder is hidden by its name.</summary>
    internal static bool IsHidden(string path) => Path.GetFileName(path).StartsWith('.');

    /// <summary>Reads one pair; a mask of foreground becomes 0 and 255.</summary>
    /// <param name="name">Name of the sample.</param>
    /// <param name="imagePath">Its image.</param>
    /// <param name="maskPath">Its mask.</param>
    /// <param name="options">How to read; null for the defaults.</param>
    /// <param name="side">Side that both become; null leaves them as they are.</param>
    internal static SegmentationSample Read(string name, string imagePath, string maskPath, ImageMaskFolderOptions? options = null, int? side = null)
    {
        options ??= new ImageMaskFolderOptions();
        (int Width, int Height) size = default;
        PixelImage image = side is int small ? ImageCodec.LoadResized(imagePath, small, small, out size) : ImageCodec.Load(imagePath);
        if (side is null) size = (image.Width, image.Height);
        PixelImage coloured = ImageCodec.Load(maskPath), mask = coloured.ToGrey();
        CheckSize(maskPath, (mask.Width, mask.Height), imagePath, size);
        if (options.Classes > 1)
        {
            if (coloured.Channels == 3 && !coloured.Pixels.SequenceEqual(mask.ToRgb().Pixels))
                throw new DatasetException(maskPath, "has colours", $"a grey picture whose values are the numbers of the classes, 0 to {options.Classes - 1}", "Export class numbers instead of a palette's colours.");
            if (SegmentationSample.NoClass(mask, options.Classes) is { } value)
                throw new DatasetException(
                    maskPath, $"has the value {value}", $"the numbers of the classes, 0 to {options.Classes - 1}, or {SegmentationSample.Ignored} where a pixel does not count", "Set Classes to the highest number + 1, or export the mask anew.");
            return new SegmentationSample(name, image, Resized(mask, side, options.Classes), options.Classes);
        }

        bool marks = options.MaskThreshold < byte.MaxValue && mask.Pixels.ContainsAnyInRange((byte)(options.MaskThreshold + 1), byte.MaxValue);
        byte highest = 0;
        if (!marks) foreach (byte value in mask.Pixels) highest = Math.Max(highest, value);
        if (highest > 0)
            throw new DatasetException(
                maskPath, $"has no value above {highest}", $"foreground above the threshold {options.MaskThreshold}",
                "Set MaskThreshold = 0 if the mask marks foreground by small numbers, Classes if it holds the numbers of classes.");
        return new SegmentationSample(name, image, Resized(SegmentationSample.Foreground(mask, options.MaskThreshold), side, classes: 1));
    }

    private static PixelImage Resized(PixelImage mask, int? side, int classes) => side is int small ? SegmentationSample.ResizeMask(mask, small, small, classes) : mask;

    /// <summary>An error for a folder without images.</summary>
    internal static DatasetException NoImages(string directory) =>
        new(directory, "holds no images", $"files named {string.Join(", ", Extensions.Select(e => "*" + e))}", "Check the path, or put images there.");

    /// <summary>Image files of a folder by the name that pairs them; <paramref name="key"/> gives null for files that are not meant.</summary>
    /// <param name="directory">The folder.</param>
    /// <param name="key">Gets a file's name without extension.</param>
    /// <param name="refuse">Gets the fault of a second file of one name, which is left out; null to throw it.</param>
    internal static SortedDictionary<string, string> List(string directory, Func<string, string?> key, Action<DatasetException>? refuse = null)
    {
        if (!Directory.Exists(directory))
            throw new DatasetException(directory, "does not exist", "a folder of images", "Check the path.");
        var files = new SortedDictionary<string, string>(StringComparer.Ordinal);
        string[] all;
        try
        {
            all = [.. Directory.EnumerateFiles(directory).Order(StringComparer.Ordinal)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DatasetException(directory, $"cannot be read ({e.Message})", "a folder of images", "Check the permissions.", e);
        }

        foreach (string file in all)
        {
            if (!IsImage(file)) continue;
            if (key(Path.GetFileNameWithoutExtension(file)) is not string stem) continue;
            if (files.TryAdd(stem, file)) continue;
            var twin = new DatasetException(file, $"has the same name as {files[stem]}", "one file for each name", "Rename or remove one of the two.");
            if (refuse is null) throw twin;
            refuse(twin);
        }

        return files;
    }
}
