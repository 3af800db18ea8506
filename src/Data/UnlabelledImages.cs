using static TorchSharp.torch;

namespace UnetResnet.Data;

/// <summary>The images of a folder without masks, cut into batches and read only when they are asked for, so that a folder may be larger than the memory.</summary>
internal sealed class UnlabelledImages
{
    private readonly string[] files;
    private readonly int side;
    private readonly PixelTable table;

    private UnlabelledImages(IReadOnlyDictionary<string, string> byName, int side, int batchSize, Preprocessing preprocessing)
    {
        (Names, files, this.side, BatchSize, table) = ([.. byName.Keys], [.. byName.Values], side, batchSize, preprocessing.Table);
    }

    /// <summary>Names without extension, in ordinal order.</summary>
    internal IReadOnlyList<string> Names { get; }

    /// <summary>Images of a full batch.</summary>
    internal int BatchSize { get; }

    /// <summary>Number of batches; the last one may be smaller.</summary>
    internal int BatchCount => (files.Length + BatchSize - 1) / BatchSize;

    /// <summary>Lists a folder.</summary>
    /// <param name="directory">Folder of PNG and JPEG images.</param>
    /// <param name="side">Side in pixels to which they are resized, a multiple of 32.</param>
    /// <param name="batchSize">Images of a batch, at least 1.</param>
    /// <param name="preprocessing">What the encoder's weights ask for.</param>
    /// <exception cref="DatasetException">The folder is missing, cannot be read or holds no image, or a name occurs twice.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A side that is no multiple of 32, or a batch of no image.</exception>
    internal static UnlabelledImages In(string directory, int side, int batchSize, Preprocessing preprocessing)
    {
        SegmentationDataset.CheckSide(side);
        ArgumentOutOfRangeException.ThrowIfLessThan(batchSize, 1);
        SortedDictionary<string, string> images = ImageMaskFolder.List(directory, stem => stem);
        return images.Count > 0 ? new UnlabelledImages(images, side, batchSize, preprocessing) : throw ImageMaskFolder.NoImages(directory);
    }

    /// <summary>The batches of a shard: whole batches in a row, as evenly as they can be divided. A shard may have none.</summary>
    /// <param name="shard">Number of the shard, from 1.</param>
    /// <param name="shards">How many there are.</param>
    /// <returns>Numbers of the first batch, from 0, and of the one behind the last.</returns>
    internal (int First, int End) Shard(int shard, int shards) => ((int)((long)BatchCount * (shard - 1) / shards), (int)((long)BatchCount * shard / shards));

    /// <summary>Reads batches.</summary>
    /// <param name="first">Number of the first, from 0.</param>
    /// <param name="end">Number of the one behind the last.</param>
    /// <returns>Preprocessed (N, 3, side, side); each is freed when the next one is asked for.</returns>
    internal IEnumerable<Tensor> Batches(int first, int end)
    {
        foreach (float[] values in Enumerable.Range(first, end - first).Select(Read).Prefetch(2))
        {
            using Tensor batch = tensor(values, [values.Length / (3 * side * side), 3, side, side]);
            yield return batch;
        }
    }

    private float[] Read(int batch)
    {
        string[] mine = files[(batch * BatchSize)..Math.Min(files.Length, (batch + 1) * BatchSize)];
        int size = 3 * side * side;
        var values = new float[mine.Length * size];
        InParallel.For(mine.Length, InParallel.DefaultWorkers, i => table.CopyPlanes(ImageCodec.LoadResized(mine[i], side, side, out _), values.AsSpan(i * size, size)));
        return values;
    }
}
