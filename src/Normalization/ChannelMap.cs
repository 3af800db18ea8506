using System.Runtime.InteropServices;
using TorchSharp;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Normalization;

/// <summary>
/// A float32 map on the CPU whose channels lie side by side, for sweeps over its memory that libtorch has no operation for: sums of values and squares in double precision, and a
/// scale and a shift of each channel together with the sum and the ReLU that follow. The images may be several groups, each with numbers of its own.
/// </summary>
internal sealed class ChannelMap : IDisposable
{
    /// <summary>Values that one thread takes at a time. Sums are added block by block in their order, so that they do not depend on the number of threads.</summary>
    private const int Block = 1 << 14;

    private readonly Tensor rows;
    private readonly int channels;
    private readonly long count;

    private ChannelMap(Tensor rows, int channels) => (this.rows, this.channels, count) = (rows, channels, rows.numel() / channels);

    /// <summary>A view of a map; null where its memory is another.</summary>
    /// <param name="map">(N, C, H, W); stays the caller's, who keeps it as long as the view.</param>
    internal static ChannelMap? Of(Tensor map)
    {
        if (map.dim() != 4 || map.dtype != ScalarType.Float32 || map.device_type != DeviceType.CPU || map.shape[1] % ChannelSweeps.Lanes != 0 || map.numel() is 0 or > int.MaxValue / sizeof(float)) return null;
        Tensor rows = map.permute(0, 2, 3, 1).DetachFromDisposeScope();
        if (rows.is_contiguous()) return new ChannelMap(rows, (int)map.shape[1]);
        rows.Dispose();
        return null;
    }

    /// <summary>Values of each channel in a group.</summary>
    /// <param name="groups">Number of groups.</param>
    internal long Count(int groups) => count / groups;

    /// <summary>Σ x and Σ x² of each channel.</summary>
    /// <param name="groups">Number of groups, a divisor of the number of images.</param>
    /// <returns>For each group the sums of all channels, then their squares'.</returns>
    internal double[][] Sums(int groups)
    {
        int images = (int)rows.shape[0];
        Blocks blocks = Cut(images);
        var parts = new double[images * blocks.PerGroup][];
        ForEach(blocks, (place, values) => ChannelSweeps.Sum(values, parts[place] = new double[2 * channels], channels));
        double[][] ofImages = [.. Enumerable.Range(0, images).Select(image => Total(parts.AsSpan(image * blocks.PerGroup, blocks.PerGroup)))];
        return [.. ofImages.Chunk(images / groups).Select(group => Total(group))];
    }

    /// <summary>The same of one image by the thread that calls, to the same bytes.</summary>
    /// <param name="image">The numbers, pixel after pixel.</param>
    /// <param name="sums">To be written: those of all channels, then their squares'.</param>
    internal static void SumImage(ReadOnlySpan<float> image, Span<double> sums)
    {
        int channels = sums.Length / 2, block = Math.Max(1, Block / channels) * channels;
        ChannelSweeps.Sum(image[..Math.Min(block, image.Length)], sums, channels);
        if (image.Length <= block) return;
        Span<double> part = stackalloc double[sums.Length];
        for (int first = block; first < image.Length; first += block)
        {
            ChannelSweeps.Sum(image[first..Math.Min(first + block, image.Length)], part, channels);
            ChannelSweeps.Add(part, sums);
        }
    }

    /// <summary>What a layer does to the map, or onto ← onto + that; and its ReLU.</summary>
    /// <param name="scaling">What it does.</param>
    /// <param name="relu">Whether negative results become 0.</param>
    /// <param name="onto">A map of the same size that is added to and overwritten in this one's place, or null.</param>
    internal void Scale(ChannelScaling scaling, bool relu, ChannelMap? onto) => Scale(scaling.Of(scaling.NeedsSums ? [.. Sums(scaling.Groups).SelectMany(group => group)] : [], Count(scaling.Groups)), relu, onto);

    /// <summary>x ← x·scale + shift, or onto ← onto + x·scale + shift; and its ReLU.</summary>
    /// <param name="groups">Scale and shift of each channel, for each group.</param>
    /// <param name="relu">Whether negative results become 0.</param>
    /// <param name="onto">A map of the same size that is added to and overwritten in this one's place, or null.</param>
    internal void Scale(IReadOnlyList<(float[] Scale, float[] Shift)> groups, bool relu, ChannelMap? onto)
    {
        Blocks blocks = Cut(groups.Count);
        ForEach(blocks, (place, values) =>
        {
            (float[] scale, float[] shift) = groups[place / blocks.PerGroup];
            if (onto is null) ChannelSweeps.Scale(values, values, scale, shift, relu);
            else ChannelSweeps.Add(values, onto.Of(blocks, place), onto.Of(blocks, place), scale, shift, relu);
        });
    }

    /// <summary>to ← x·scale + shift, or x·scale + shift + onto; or its ReLU.</summary>
    /// <param name="of">The numbers of each channel.</param>
    /// <param name="relu">Whether negative results become 0.</param>
    /// <param name="onto">A map of the same size, or null.</param>
    /// <param name="to">A map of the same size.</param>
    internal void ScaleTo(ChannelGradient of, bool relu, ChannelMap? onto, ChannelMap to)
    {
        Blocks blocks = Cut(groups: 1);
        ForEach(blocks, (place, values) =>
        {
            if (onto is null) ChannelSweeps.Scale(values, to.Of(blocks, place), of.Scale, of.Shift, relu);
            else ChannelSweeps.Add(values, onto.Of(blocks, place), to.Of(blocks, place), of.Scale, of.Shift, relu);
        });
    }

    /// <summary>to ← the gradient where x·scale + shift + onto is positive, else 0: what the ReLU of that sum lets through.</summary>
    /// <param name="gradient">Of the same size.</param>
    /// <param name="of">The numbers of each channel.</param>
    /// <param name="onto">Of the same size.</param>
    /// <param name="to">Of the same size.</param>
    internal void LetThrough(ChannelMap gradient, ChannelGradient of, ChannelMap onto, ChannelMap to)
    {
        Blocks blocks = Cut(groups: 1);
        ForEach(blocks, (place, values) => ChannelSweeps.Mask(values, onto.Of(blocks, place), gradient.Of(blocks, place), of, to.Of(blocks, place)));
    }

    /// <summary>Σ g and Σ g·(x − centre) of each channel, where g is the gradient of y = x·scale + shift, or of its ReLU.</summary>
    /// <param name="gradient">Of the same size.</param>
    /// <param name="of">The numbers of each channel.</param>
    /// <param name="relu">Whether negative results were made 0, so that they have no gradient.</param>
    /// <returns>The first sums of all channels, then the others.</returns>
    internal double[] GradientSums(ChannelMap gradient, ChannelGradient of, bool relu)
    {
        Blocks blocks = Cut(groups: 1);
        var parts = new double[blocks.PerGroup][];
        ForEach(blocks, (place, values) => ChannelSweeps.SumGradients(values, new MapGradients(gradient.Of(blocks, place)), of, relu, parts[place] = new double[2 * channels]));
        return Total(parts);
    }

    /// <summary>to ← g·scale + (x − centre)·slope + offset, where g is the gradient of y = x·scale + shift, or of its ReLU.</summary>
    /// <param name="gradient">Of the same size.</param>
    /// <param name="of">The numbers of each channel.</param>
    /// <param name="relu">Whether negative results were made 0, so that they have no gradient.</param>
    /// <param name="to">Of the same size.</param>
    internal void GradientTo(ChannelMap gradient, ChannelGradient of, bool relu, ChannelMap to)
    {
        Blocks blocks = Cut(groups: 1);
        ForEach(blocks, (place, values) => ChannelSweeps.Propagate(values, new MapGradients(gradient.Of(blocks, place)), of, relu, to.Of(blocks, place)));
    }

    /// <summary>A 1×1 convolution to one channel, without gradients.</summary>
    /// <param name="kernel">(1, C, 1, 1), float32.</param>
    /// <param name="bias">(1), float32.</param>
    /// <returns>(N, 1, H, W), owned by the caller's dispose scope.</returns>
    internal Tensor Projected(Tensor kernel, Tensor bias)
    {
        long[] shape = rows.shape;
        Tensor to = empty([shape[0], 1, shape[1], shape[2]], ScalarType.Float32);
        float[] weights = kernel.Values<float>();
        float number = bias.item<float>();
        Blocks blocks = Cut(groups: 1);
        ForEach(blocks, (place, values) => ChannelSweeps.Project(values, PixelsOf(to, blocks, place), weights, number));
        return to;
    }

    /// <summary>to ← Σ relu(x·scale + shift)·weight over the channels of each pixel, plus a bias.</summary>
    /// <param name="of">The numbers of each channel.</param>
    /// <param name="weights">Of each image's channels.</param>
    /// <param name="bias">A number.</param>
    /// <param name="to">(N, 1, H, W), float32, contiguous.</param>
    internal void ProjectTo(ChannelGradient of, float[][] weights, float bias, Tensor to)
    {
        Blocks blocks = Cut(weights.Length);
        ForEach(blocks, (place, values) => ChannelSweeps.Project(values, PixelsOf(to, blocks, place), of.Scale, of.Shift, weights[place / blocks.PerGroup], bias));
    }

    /// <summary>
    /// Σ g and Σ g·(x − centre) of each channel, where g is the gradient of <see cref="ProjectTo"/>'s result at a pixel if the ReLU has let the channel through there, else 0; without the weights.
    /// </summary>
    /// <param name="gradient">(N, 1, H, W), float32, contiguous.</param>
    /// <param name="of">The numbers of each channel.</param>
    /// <returns>For each image the first sums of all channels, then the others.</returns>
    internal double[][] ProjectedGradientSums(Tensor gradient, ChannelGradient of)
    {
        int images = (int)gradient.shape[0];
        Blocks blocks = Cut(images);
        var parts = new double[images * blocks.PerGroup][];
        float[] one = [.. Enumerable.Repeat(1f, channels)];
        ForEach(blocks, (place, values) => ChannelSweeps.SumGradients(values, new ProjectedGradients(PixelsOf(gradient, blocks, place), one), of, relu: true, parts[place] = new double[2 * channels]));
        return [.. Enumerable.Range(0, images).Select(image => Total(parts.AsSpan(image * blocks.PerGroup, blocks.PerGroup)))];
    }

    /// <summary>to ← g·weight·scale + (x − centre)·slope + offset, with g as in <see cref="ProjectedGradientSums"/>.</summary>
    /// <param name="gradient">(N, 1, H, W), float32, contiguous.</param>
    /// <param name="of">The numbers of each channel.</param>
    /// <param name="weights">Of each image's channels.</param>
    /// <param name="to">A map of the same size.</param>
    internal void ProjectedGradientTo(Tensor gradient, ChannelGradient of, float[][] weights, ChannelMap to)
    {
        Blocks blocks = Cut(weights.Length);
        ForEach(blocks, (place, values) => ChannelSweeps.Propagate(values, new ProjectedGradients(PixelsOf(gradient, blocks, place), weights[place / blocks.PerGroup]), of, relu: true, to.Of(blocks, place)));
    }

    /// <summary>Scale and shift of batch norm with given statistics.</summary>
    /// <param name="mean">Of each channel.</param>
    /// <param name="variance">Of each channel.</param>
    /// <param name="weight">γ, float32.</param>
    /// <param name="bias">β, float32.</param>
    /// <param name="eps">What is added to the variance.</param>
    internal static (float[] Scale, float[] Shift) Normalizing(ReadOnlySpan<double> mean, ReadOnlySpan<double> variance, Tensor weight, Tensor bias, double eps)
    {
        (float[] scale, float[] shift) = (new float[mean.Length], new float[mean.Length]);
        ChannelSweeps.Normalize(mean, variance, MemoryMarshal.Cast<byte, float>(TensorMemory.View(weight)), MemoryMarshal.Cast<byte, float>(TensorMemory.View(bias)), eps, scale, shift);
        return (scale, shift);
    }

    /// <summary>The same with the statistics of the values of each channel.</summary>
    /// <param name="sums">Σ x of all channels, then Σ x².</param>
    /// <param name="count">Number of values.</param>
    /// <param name="weight">γ, float32.</param>
    /// <param name="bias">β, float32.</param>
    /// <param name="eps">What is added to the variance.</param>
    internal static (float[] Scale, float[] Shift) Normalizing(ReadOnlySpan<double> sums, long count, Tensor weight, Tensor bias, double eps)
    {
        Span<double> mean = stackalloc double[sums.Length / 2], variance = stackalloc double[sums.Length / 2];
        ChannelSweeps.Moments(sums[..mean.Length], sums[mean.Length..], count, mean, variance);
        return Normalizing(mean, variance, weight, bias, eps);
    }

    /// <summary>Mean and biased variance of each channel from its sums.</summary>
    internal static (double[] Mean, double[] Variance) Moments(double[] sums, long values)
    {
        (double[] mean, double[] variance) = (new double[sums.Length / 2], new double[sums.Length / 2]);
        ChannelSweeps.Moments(sums.AsSpan(0, mean.Length), sums.AsSpan(mean.Length), values, mean, variance);
        return (mean, variance);
    }

    /// <summary>Frees the view, and leaves the map alone.</summary>
    public void Dispose() => rows.Dispose();

    private Blocks Cut(int groups)
    {
        int perBlock = Math.Max(1, Block / channels), inGroup = (int)(count / groups);
        return new Blocks(perBlock, inGroup, (inGroup + perBlock - 1) / perBlock, groups);
    }

    private void ForEach(Blocks blocks, Visit visit)
    {
        int all = blocks.PerGroup * blocks.Groups;
        if (all < 2 || get_num_threads() == 1)
        {
            for (int place = 0; place < all; place++) visit(place, Of(blocks, place));
            return;
        }

        Workers.Run(all, place => visit(place, Of(blocks, place)));
    }

    private Span<float> Of(Blocks blocks, int place)
    {
        (int first, int last) = blocks.RowsOf(place);
        return Numbers(rows)[(first * channels)..(last * channels)];
    }

    /// <summary>The numbers that a block has in a map of one channel.</summary>
    private static Span<float> PixelsOf(Tensor map, Blocks blocks, int place)
    {
        (int first, int last) = blocks.RowsOf(place);
        return Numbers(map)[first..last];
    }

    private static Span<float> Numbers(Tensor contiguous) => MemoryMarshal.Cast<byte, float>(TensorMemory.Of(contiguous));

    /// <summary>The blocks' sums, added to the first's one after the other.</summary>
    private static double[] Total(ReadOnlySpan<double[]> parts)
    {
        double[] total = parts[0];
        foreach (double[] part in parts[1..]) ChannelSweeps.Add(part, total);
        return total;
    }

    private delegate void Visit(int place, Span<float> values);

    private sealed record Blocks(int Rows, int RowsInGroup, int PerGroup, int Groups)
    {
        internal (int First, int Last) RowsOf(int place)
        {
            int group = place / PerGroup, first = place % PerGroup * Rows;
            return (group * RowsInGroup + first, group * RowsInGroup + Math.Min(first + Rows, RowsInGroup));
        }
    }
}
