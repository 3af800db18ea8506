using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Models;

/// <summary>
/// Layers with batch norm that normalises by the batch, one after the other. As in <see cref="ImageShares"/> each worker has some of the images, and as in synchronised batch norm the workers meet
/// after every layer: there the sums of all images become a scale and a shift, which each worker applies to its own maps when it reads them for the next layer.
/// </summary>
internal static unsafe class SynchronizedShares
{
    /// <summary>Residual blocks of one width, one after the other.</summary>
    /// <param name="head">The first, which alone may project and subsample.</param>
    /// <param name="blocks">Each block's layers; the projection last, if there is one.</param>
    /// <param name="x">(N, C, H, W), channels last. Overwritten where the first block has no projection.</param>
    /// <returns>(N, F, H, W), owned by the caller's dispose scope, or <paramref name="x"/>; null, and nothing has been done, where the images do not fill the workers or have no variance.</returns>
    internal static Tensor? Blocks(ResidualBlock head, OwnLayer[][] blocks, Tensor x)
    {
        MapView from = MapView.Of(x);
        bool subsamples = head.Subsamples;
        (int height, int width) = subsamples ? ((from.Height + 1) / 2, (from.Width + 1) / 2) : (from.Height, from.Width);
        if (!ImageShares.Fill(from.Images, Workers.For(long.MaxValue)) || from.Images * height * width < 2) return null;
        int inner = blocks[0][0].Kernel.Outputs, outer = blocks[0][2].Kernel.Outputs;
        Tensor sum = head.Shortcut is null ? x : ChannelsLast.Empty(from.Images, outer, height, width);
        using Tensor maps = empty([(long)from.Images * height * width, 2 * inner + outer + (subsamples ? from.Channels : 0)], float32).DetachFromDisposeScope();
        MapView result = MapView.Of(sum), first = new(TensorMemory.Numbers(maps), from.Images, height, width, inner), second = first.Next(inner), third = second.Next(outer), half = third.Next(from.Channels);
        var steps = new LayerSteps(from.Images, height, width, [.. blocks.SelectMany(block => block)]);
        foreach (OwnLayer[] block in blocks)
        {
            OwnLayer? shortcut = block.ElementAtOrDefault(3);
            MapView input = shortcut is null ? result : subsamples ? half : from;
            if (shortcut is not null && subsamples) steps.Do((begin, count) => from.Of(begin, count).EverySecond(half.Of(begin, count)));
            steps.Convolve(block[0], input, first);
            if (shortcut is not null) steps.Convolve(shortcut, input, result);
            steps.Meet();
            steps.Finish(block[0], first);
            if (shortcut is not null) steps.Finish(shortcut, result);
            steps.Convolve(block[1], first, second);
            steps.Meet();
            steps.Finish(block[1], second);
            steps.Convolve(block[2], second, third, onto: result);
            steps.Meet();
            steps.Finish(block[2], third, onto: result);
        }

        steps.Run();
        GC.KeepAlive(x);
        GC.KeepAlive(sum);
        return sum;
    }
}
