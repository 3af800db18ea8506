using static TorchSharp.torch;

namespace UnetResnet.Data;

/// <summary>Images for a classification, read from one folder for each class.</summary>
/// <param name="Classes">Names of the folders in ordinal order: the target of an image is its folder's place in this list.</param>
/// <param name="Batches">The images, class by class, all in memory.</param>
public sealed record ImageClassFolder(IReadOnlyList<string> Classes, BatchLoader Batches)
{
    /// <summary>Reads all PNG and JPEG images of a folder's folders, hidden ones (<c>.ipynb_checkpoints</c>) aside. The batches mix the classes: images of all of them take turns.</summary>
    /// <param name="directory">The folder that holds a folder for each class.</param>
    /// <param name="side">Side in pixels to which every image is resized, at least 1.</param>
    /// <param name="batchSize">Images in a batch, at least 1.</param>
    /// <param name="preprocessing">How pixels become inputs.</param>
    /// <exception cref="DatasetException">The folder is missing, has fewer than two folders, one of them is empty, or a file is corrupt; the message names it and the cure.</exception>
    public static ImageClassFolder Load(string directory, int side, int batchSize, Preprocessing preprocessing)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        ArgumentOutOfRangeException.ThrowIfLessThan(side, 1);
        ArgumentNullException.ThrowIfNull(preprocessing);
        string[][] files = [.. Folders(directory).Select(Images)];
        (string Path, int Class)[] turns = [.. files.SelectMany((paths, c) => paths.Select((path, i) => (Turn: (double)i / paths.Length, path, c))).OrderBy(file => file.Turn).Select(file => (file.path, file.c))];

        int area = side * side;
        var pixels = new float[turns.Length * 3 * area];
        PixelTable table = preprocessing.Table;
        InParallel.For(turns.Length, InParallel.DefaultWorkers, i => table.CopyPlanes(ImageCodec.LoadResized(turns[i].Path, side, side, out _), pixels.AsSpan(i * 3 * area, 3 * area)));
        // They live as long as the loader, whatever scope it is made in.
        Tensor inputs = tensor(pixels, [turns.Length, 3, side, side]).DetachFromDisposeScope(), targets = tensor(turns.Select(file => (long)file.Class).ToArray()).DetachFromDisposeScope();
        return new ImageClassFolder([.. Folders(directory).Select(folder => Path.GetFileName(folder)!)], BatchLoader.FromTensors(inputs, targets, batchSize, preprocessing));
    }

    private static string[] Folders(string directory)
    {
        try
        {
            string[] folders = [.. Directory.EnumerateDirectories(directory).Where(folder => !ImageMaskFolder.IsHidden(folder)).Order(StringComparer.Ordinal)];
            return folders.Length >= 2 ? folders : throw new DatasetException(directory, $"holds {folders.Length} folders", "a folder of images for each of at least two classes", "Sort the images into folders.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DatasetException(directory, $"cannot be read ({e.Message})", "a folder of images for each class", "Check path and permissions.", e);
        }
    }

    private static string[] Images(string folder)
    {
        try
        {
            string[] images = [.. Directory.EnumerateFiles(folder).Where(ImageMaskFolder.IsImage).Order(StringComparer.Ordinal)];
            return images.Length > 0 ? images : throw new DatasetException(folder, "holds no images", "PNG or JPEG images of one class", "Put images there, or remove the folder.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DatasetException(folder, $"cannot be read ({e.Message})", "PNG or JPEG images of one class", "Check the permissions.", e);
        }
    }
}
