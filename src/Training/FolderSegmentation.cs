using System.IO.Enumeration;
using System.Security.Cryptography;
using System.Text;
using UnetResnet.Data;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using UnetResnet.Weights;

namespace UnetResnet.Training;

/// <summary>
/// Segments a folder of images with everything below it: of <c>sub/name.jpg</c> it writes the mask <c>masks/sub/name.png</c> and an overlay
/// <c>overlays/sub/name.png</c>, and a line in <c>areas.csv</c> with the pixels, the share and the confidence.
/// </summary>
/// <remarks>
/// A run goes on where an earlier one has stopped. An image is done if both of its pictures are there and its line in the table was made from the same bytes of the
/// image, the same network (all its numbers and settings), preprocessing and tiles. A damaged image is reported, and the others are segmented. Every file is written beside and renamed.
/// </remarks>
public static class FolderSegmentation
{
    /// <summary>Name of the table.</summary>
    public const string Table = "areas.csv";

    private const string Masks = "masks", Overlays = "overlays";

    /// <summary>Segments the folder.</summary>
    /// <param name="unet">The network, any device; left as it was.</param>
    /// <param name="images">Folder of PNG and JPEG images.</param>
    /// <param name="output">Folder to write into: new, empty, or that of an earlier run.</param>
    /// <param name="options">Checked on entry; null for the defaults.</param>
    /// <param name="progress">Receives a record after each image, or null.</param>
    /// <param name="cancellation">Stops between two tiles; what is done stays done.</param>
    /// <exception cref="ArgumentException">The options are not valid, or neither they nor the network say how images are preprocessed.</exception>
    /// <exception cref="DatasetException">There are no images, two of them would write the same file, the output folder holds something else, or cannot be written to.</exception>
    /// <exception cref="WeightsException">The network gives probabilities that are not numbers.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellation"/> was requested.</exception>
    public static FolderSegmentationReport Run(
        UNetResNet50 unet, string images, string output, SegmentationOptions? options = null, IProgress<SegmentationStep>? progress = null, CancellationToken cancellation = default)
    {
        options ??= new SegmentationOptions();
        var segmenter = new ImageSegmenter(unet, options);
        (images, output) = (Path.TrimEndingDirectorySeparator(Path.GetFullPath(images)), Path.TrimEndingDirectorySeparator(Path.GetFullPath(output)));
        string[] names = Names(images);
        CheckOutput(images, output, options.Overwrite);
        AreaTable table = Written(output, () =>
        {
            if (options.Overwrite) File.Delete(Path.Combine(output, Table));
            return new AreaTable(Path.Combine(output, Table), unet.Options.Classes);
        });
        string network = $"{Fingerprint(unet)} {segmenter.Preprocessing.Name} {options.TileSide} {options.SharedPixels}\n";

        var damaged = new List<DamagedImage>();
        var pace = new Pace(names.Length);
        foreach (string name in names)
        {
            cancellation.ThrowIfCancellationRequested();
            pace.Begin();
            (string mask, string overlay) = (Path.Combine(output, Masks, Stem(name) + ".png"), Path.Combine(output, Overlays, Stem(name) + ".png"));
            PixelImage image;
            string madeFrom;
            try
            {
                string file = Path.Combine(images, name);
                byte[] encoded = ImageCodec.ReadFile(file);
                madeFrom = Convert.ToHexStringLower(SHA256.HashData([.. Encoding.UTF8.GetBytes(network), .. encoded]).AsSpan(0, 8));
                if (table.Has(name, madeFrom) && File.Exists(mask) && File.Exists(overlay))
                {
                    Told(null, null);
                    continue;
                }

                image = ImageCodec.Decode(encoded, file, options.PixelLimit);
            }
            catch (DatasetException e)
            {
                damaged.Add(new DamagedImage(name, e.Message));
                Told(null, e.Message);
                continue;
            }

            SegmentedImage result = segmenter.Segment(image, cancellation);
            Written(output, () =>
            {
                AtomicFile.Write(mask, stream => stream.Write(ImageCodec.EncodePng(result.Mask)));
                AtomicFile.Write(overlay, stream => stream.Write(ImageCodec.EncodePng(PixelOverlay.DrawMask(image, result.Mask, unet.Options.Classes))));
                table.Add(name, madeFrom, result);
                return 0;
            });
            Told(result, null);

            void Told(SegmentedImage? found, string? problem)
            {
                SegmentationStep step = pace.End(name, found, problem);
                progress?.Report(step);
            }
        }

        Written(output, () => { table.Write(names.Except(damaged.Select(d => d.Image))); return 0; });
        return new FolderSegmentationReport { Segmented = pace.Segmented, DoneBefore = names.Length - pace.Segmented - damaged.Count, Damaged = damaged, Table = Path.Combine(output, Table) };
    }

    /// <summary>The images by their paths below the folder, with slashes, in ordinal order.</summary>
    private static string[] Names(string folder)
    {
        if (!Directory.Exists(folder)) throw new DatasetException(folder, "does not exist", "a folder of images", "Check the path.");
        string[] names;
        try
        {
            // A folder that is a link may lead back up, and the search would never end.
            var found = new FileSystemEnumerable<string>(folder, (ref FileSystemEntry entry) => entry.ToFullPath(), new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = false })
            {
                ShouldIncludePredicate = (ref FileSystemEntry entry) => !entry.IsDirectory && ImageMaskFolder.IsImage(entry.FileName.ToString()),
                ShouldRecursePredicate = (ref FileSystemEntry entry) => !entry.Attributes.HasFlag(FileAttributes.ReparsePoint),
            };
            names = [.. found.Select(file => Path.GetRelativePath(folder, file).Replace(Path.DirectorySeparatorChar, '/')).Order(StringComparer.Ordinal)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DatasetException(folder, $"cannot be read ({e.Message})", "a folder of images", "Check the permissions.", e);
        }

        if (names.Length == 0) throw new DatasetException(folder, "holds no images", "files named *.png, *.jpg or *.jpeg, in folders below it too", "Check the path, or put images there.");
        StringComparer sameFile = OperatingSystem.IsLinux() ? StringComparer.Ordinal : StringComparer.OrdinalIgnoreCase;
        if (names.GroupBy(Stem, sameFile).FirstOrDefault(group => group.Count() > 1)?.ToArray() is [var one, var other, ..])
            throw new DatasetException(Path.Combine(folder, other), $"would write the same files as {one}", "one image for each name without its ending", "Rename or remove one of the two. Nothing was written.");
        return names;
    }

    /// <summary>Nobody's files are replaced: masks drawn by hand may lie in a folder called masks.</summary>
    private static void CheckOutput(string images, string output, bool overwrite)
    {
        string Inside(string folder) => folder + Path.DirectorySeparatorChar;
        if (Inside(output).StartsWith(Inside(images), StringComparison.Ordinal) || Inside(images).StartsWith(Inside(output), StringComparison.Ordinal))
            throw new DatasetException(output, $"and the folder of the images, {images}, lie one in the other", "two folders apart, so that no mask is taken for an image", "Name another output folder.");
        bool empty = Written(output, () => !Directory.Exists(output) || !Directory.EnumerateFileSystemEntries(output).Any());
        if (!overwrite && !empty && !File.Exists(Path.Combine(output, Table)))
            throw new DatasetException(output, "holds something else", $"a new folder, an empty one, or one with the {Table} of an earlier run", "Name another output folder, or overwrite (Overwrite, or --overwrite).");
    }

    private static string Stem(string name) => name[..^Path.GetExtension(name).Length];

    private static T Written<T>(string output, Func<T> action)
    {
        try
        {
            return action();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DatasetException(output, $"cannot be written to ({WeightsFile.Reason(e)})", "a folder that you may write to, with space left", "Free space or name another folder; what is done stays done, and the next run goes on from there.", e);
        }
    }

    /// <summary>Of everything that decides what the network gives in inference.</summary>
    private static string Fingerprint(UNetResNet50 unet)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        void Append(string text) => hash.AppendData(Encoding.UTF8.GetBytes(text + "\n"));
        Append(unet.Options.ToString());
        foreach ((string name, BatchNormLayer layer) in unet.BatchNormLayers()) Append($"{name} {layer.Mode} {layer.Options}");
        foreach (ModalBatchNorm2d layer in unet.modules().OfType<ModalBatchNorm2d>().Where(l => l.ReplacedBy is not null)) Append(layer.ReplacedBy!);
        foreach ((string name, TorchSharp.torch.Tensor tensor) in unet.state_dict().OrderBy(entry => entry.Key, StringComparer.Ordinal))
        {
            Append(name);
            TensorMemory.Read(tensor, bytes => hash.AppendData(bytes));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
