using System.Buffers;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Data;

/// <summary>
/// Cuts a dataset into batches. Decoding, augmentation and copying happen in the background, a few batches ahead and on several threads; tensors are made on the
/// consumer's thread, because dispose scopes belong to threads. What an epoch holds depends on seed and number of the epoch alone.
/// </summary>
public sealed class BatchLoader : IBatchSource
{
    private readonly Func<int, IEnumerable<Batch>> epochs;
    private readonly Func<BatchLoader> inOrder;

    /// <summary>Makes batches of a dataset.</summary>
    /// <param name="dataset">At least one sample, all of one size.</param>
    /// <param name="options">Batch size, preprocessing, order.</param>
    /// <exception cref="ArgumentException">The dataset is empty, its samples differ in size, or an option is out of range.</exception>
    public BatchLoader(SegmentationDataset dataset, BatchLoaderOptions options)
    {
        ArgumentNullException.ThrowIfNull(dataset);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        CheckSamples(dataset, options);
        (SampleCount, BatchSize, Preprocessing) = (dataset.Count, options.BatchSize, options.Preprocessing);
        BatchCount = options.DropLast ? SampleCount / BatchSize : (SampleCount + BatchSize - 1) / BatchSize;
        if (BatchCount == 0)
            throw new ArgumentException($"With DropLast, {SampleCount} samples make no batch of {BatchSize}. Take smaller batches or keep the last.", nameof(options));
        Identity = $"{options with { Prefetch = 2, Workers = null, Device = null }}, {Names(dataset)}";
        epochs = epoch => Load(dataset, options, epoch);
        inOrder = () => new BatchLoader(dataset, options with { Shuffle = false, Augmentation = null, DropLast = false });
    }

    private BatchLoader(Tensor images, Tensor masks, int batchSize, Preprocessing? preprocessing)
    {
        (SampleCount, BatchSize, Preprocessing) = ((int)images.shape[0], batchSize, preprocessing);
        BatchCount = (SampleCount + batchSize - 1) / batchSize;
        epochs = _ => Slice(images, masks);
        inOrder = () => this;
    }

    /// <summary>What decides which batches come in which order, in words; null for tensors, which come in their own.</summary>
    internal string? Identity { get; }

    /// <summary>Number of samples in the dataset.</summary>
    public int SampleCount { get; }

    /// <summary>Samples in a full batch.</summary>
    public int BatchSize { get; }

    /// <summary>Batches in an epoch.</summary>
    public int BatchCount { get; }

    /// <inheritdoc/>
    public Preprocessing? Preprocessing { get; }

    int? IBatchSource.SampleCount => SampleCount;

    int? IBatchSource.BatchCount => BatchCount;

    /// <summary>Makes batches of tensors, always in their order.</summary>
    /// <param name="inputs">What goes into the network, (N, …), N at least 1: preprocessed images (N, 3, H, W) as a rule. They stay the caller's and must outlive the loader; batches are copies.</param>
    /// <param name="targets">What should come out, (N, …), see <see cref="Batch.Targets"/>; likewise.</param>
    /// <param name="batchSize">Samples in a batch, at least 1.</param>
    /// <param name="preprocessing">How pixels became inputs, if that is known.</param>
    /// <exception cref="ArgumentException">Shapes that do not fit.</exception>
    public static BatchLoader FromTensors(Tensor inputs, Tensor targets, int batchSize, Preprocessing? preprocessing = null)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(targets);
        ArgumentOutOfRangeException.ThrowIfLessThan(batchSize, 1);
        bool fits = inputs.dim() > 0 && targets.dim() > 0 && inputs.shape[0] > 0 && inputs.shape[0] == targets.shape[0]
            && (inputs.dim() != 4 || targets.dim() < 3 || inputs.shape[^2..].SequenceEqual(targets.shape[^2..]));
        if (!fits)
            throw new ArgumentException(
                $"Expected as many targets as inputs, at least one, and masks of the images' size, such as (N, 3, H, W) and (N, 1, H, W), and got ({string.Join(", ", inputs.shape)}) and ({string.Join(", ", targets.shape)}).",
                nameof(inputs));
        return new BatchLoader(inputs, targets, batchSize, preprocessing);
    }

    /// <summary>
    /// The batches of one epoch. They depend on seed and epoch only. Every enumeration starts anew; leaving it early stops the background thread,
    /// and an error there is thrown here, after the batches before it.
    /// </summary>
    /// <param name="epoch">Number of the epoch; decides order and augmentation.</param>
    /// <returns>Batches that the consumer disposes, each one when it is done with.</returns>
    public IEnumerable<Batch> Epoch(int epoch = 0) => epochs(epoch);

    /// <summary>The same samples for judging: each once, in the dataset's order, without augmentation.</summary>
    public BatchLoader InOrder() => inOrder();

    IBatchSource IBatchSource.InOrder() => InOrder();

    private static IEnumerable<Batch> Load(SegmentationDataset dataset, BatchLoaderOptions options, int epoch)
    {
        var order = Enumerable.Range(0, dataset.Count).ToArray();
        if (options.Shuffle) new SplitMix64(options.Seed, epoch).Shuffle<int>(order);
        IEnumerable<int[]> groups = order.Chunk(options.BatchSize);
        if (options.DropLast) groups = groups.Where(group => group.Length == options.BatchSize);
        PixelTable table = options.Preprocessing.Table;
        return groups.Select(group => Collect(dataset, options, table, epoch, group)).Prefetch(options.Prefetch).Select(batch => ToBatch(batch, options));
    }

    private static Arrays Collect(SegmentationDataset dataset, BatchLoaderOptions options, PixelTable table, int epoch, int[] places)
    {
        SampleSlot first = dataset.Slots[0];
        (int width, int height, int classes) = (first.Width, first.Height, first.Classes);
        int area = width * height;
        // Used again once they are copied into tensors.
        float[] images = ArrayPool<float>.Shared.Rent(places.Length * 3 * area), masks = ArrayPool<float>.Shared.Rent(places.Length * area);
        var names = new string[places.Length];
        InParallel.For(places.Length, options.Workers ?? InParallel.DefaultWorkers, i =>
        {
            SegmentationSample sample = dataset[places[i]];
            if (options.Augmentation is { } augmentation) sample = augmentation.Apply(sample, options.Seed, epoch, places[i]);
            table.CopyPlanes(sample.Image, images.AsSpan(i * 3 * area, 3 * area));
            ReadOnlySpan<byte> mask = sample.Mask.Pixels;
            if (classes == 1) for (int k = 0; k < area; k++) masks[i * area + k] = SegmentationSample.IsForeground(mask[k]) ? 1 : 0;
            else for (int k = 0; k < area; k++) masks[i * area + k] = mask[k];
            names[i] = sample.Name;
        });
        return new Arrays(images, masks, names, width, height, classes);
    }

    private static Batch ToBatch(Arrays batch, BatchLoaderOptions options)
    {
        using IDisposable scope = NewDisposeScope();
        Device device = options.Device ?? CPU;
        long count = batch.Names.Length;
        Tensor images = Copied(batch.Images, [count, 3, batch.Height, batch.Width]).to(device), masks = Copied(batch.Masks, [count, 1, batch.Height, batch.Width]).to(device);
        return new Batch(images, batch.Classes == 1 ? masks : masks.squeeze(1).to(int64), batch.Names);
    }

    private static Tensor Copied(float[] rented, long[] shape)
    {
        Tensor fresh = TensorMemory.New(shape, float32);
        Span<byte> memory = TensorMemory.Of(fresh);
        MemoryMarshal.AsBytes<float>(rented)[..memory.Length].CopyTo(memory);
        ArrayPool<float>.Shared.Return(rented);
        return fresh;
    }

    private IEnumerable<Batch> Slice(Tensor images, Tensor masks)
    {
        for (int first = 0; first < SampleCount; first += BatchSize)
        {
            int count = Math.Min(BatchSize, SampleCount - first);
            string[] names = [.. Enumerable.Range(first, count).Select(place => place.ToString(CultureInfo.InvariantCulture))];
            yield return new Batch(Copy(images, first, count), Copy(masks, first, count), names);
        }
    }

    private static Tensor Copy(Tensor source, int first, int count)
    {
        using Tensor view = source.narrow(0, first, count);
        return view.clone();
    }

    /// <summary>Which samples there are, in their order, without listing them.</summary>
    private static string Names(SegmentationDataset dataset)
    {
        byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', dataset.Slots.Select(slot => slot.Name))));
        return string.Create(CultureInfo.InvariantCulture, $"{dataset.Count} samples whose names have the checksum {Convert.ToHexStringLower(hash)[..8]}");
    }

    private static void CheckSamples(SegmentationDataset dataset, BatchLoaderOptions options)
    {
        if (dataset.Count == 0) throw new ArgumentException("The dataset is empty: there is nothing to make batches of.", nameof(dataset));
        SampleSlot first = dataset.Slots[0];
        foreach (SampleSlot sample in dataset.Slots)
        {
            if ((sample.Width, sample.Height) != (first.Width, first.Height))
                throw new ArgumentException(
                    $"All images of a batch have one size, but '{first.Name}' is {first.Width}×{first.Height} and '{sample.Name}' "
                    + $"{sample.Width}×{sample.Height}. Call Resize(side) on the dataset first.", nameof(dataset));
            if (sample.Classes != first.Classes)
                throw new ArgumentException($"All masks of a batch have one meaning, but '{first.Name}' has {first.Classes} classes and '{sample.Name}' {sample.Classes}.", nameof(dataset));
        }

        if (options.Augmentation is { QuarterTurns: true } && first.Width != first.Height)
            throw new ArgumentException($"Quarter turns need square images, but these are {first.Width}×{first.Height}. Resize them or set QuarterTurns = false.", nameof(options));
    }

    private sealed record Arrays(float[] Images, float[] Masks, string[] Names, int Width, int Height, int Classes);
}
