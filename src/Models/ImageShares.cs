using UnetResnet.Models.Products;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Models;

/// <summary>
/// Layers whose kernels are in the kit's own forms, one after the other over some of the images at a time: workers wait for each other once and not after every layer, and what
/// lies between two layers stays in a core's cache.
/// </summary>
internal static unsafe class ImageShares
{
    /// <summary>Bytes of maps that are gone through layer by layer: half of the cache of a core.</summary>
    private const long Cache = 1 << 19;

    /// <summary>Part of the workers' time, at the least, that shares of whole images may fill; where they would fill less, the workers share every layer.</summary>
    private const double LeastUse = 0.8;

    /// <summary>Residual blocks of one width, one after the other.</summary>
    /// <param name="head">The first, which alone may project and subsample.</param>
    /// <param name="kernels">Those of each block's layers; that of the projection last, if there is one.</param>
    /// <param name="x">(N, C, H, W), channels last. Overwritten where the first block has no projection.</param>
    /// <returns>(N, F, H, W), owned by the caller's dispose scope, or <paramref name="x"/>.</returns>
    internal static Tensor Blocks(ResidualBlock head, FoldedKernel[][] kernels, Tensor x)
    {
        bool subsamples = head.Subsamples;
        MapView from = MapView.Of(x);
        (int height, int width) = subsamples ? ((from.Height + 1) / 2, (from.Width + 1) / 2) : (from.Height, from.Width);
        Tensor sum = head.Shortcut is null ? x : ChannelsLast.Empty(from.Images, kernels[0][2].Outputs, height, width);
        MapView to = MapView.Of(sum);
        int inner = kernels[0][0].Outputs, numbers = height * width * (2 * inner + (subsamples ? from.Channels : 0));
        Run(to, numbers, [.. kernels.SelectMany(block => block)], (first, count, maps, memory) =>
        {
            var inside = new MapView(maps, count, height, width, inner);
            MapView input = from.Of(first, count), result = to.Of(first, count), between = inside.Next(inner);
            if (subsamples)
            {
                MapView half = between.Next(from.Channels);
                input.EverySecond(half);
                input = half;
            }

            foreach (FoldedKernel[] block in kernels)
            {
                FoldedKernel? shortcut = block.ElementAtOrDefault(3);
                block[0].Apply(shortcut is null ? result : input, inside, relu: true, memory);
                block[1].Apply(inside, between, relu: true, memory);
                shortcut?.Apply(input, result, relu: false, memory);
                block[2].AddTo(result, between);
            }
        });
        GC.KeepAlive(x);
        GC.KeepAlive(sum);
        return sum;
    }

    /// <summary>relu(second(relu(first over the doubled small map and the large one))).</summary>
    /// <param name="kernels">Those of the first and the second layer.</param>
    /// <param name="small">(N, C, H, W), channels last.</param>
    /// <param name="large">(N, D, 2H, 2W), channels last, or null.</param>
    /// <returns>(N, F, 2H, 2W), owned by the caller's dispose scope.</returns>
    internal static Tensor Stage((FoldedKernel First, FoldedKernel Second) kernels, Tensor small, Tensor? large)
    {
        MapView below = MapView.Of(small);
        MapView? skip = large is null ? null : MapView.Of(large);
        (int height, int width) = (2 * below.Height, 2 * below.Width);
        Tensor result = ChannelsLast.Empty(below.Images, kernels.Second.Outputs, height, width);
        MapView to = MapView.Of(result);
        Run(to, height * width * kernels.First.Outputs, [kernels.First, kernels.Second], (first, count, maps, memory) =>
        {
            var between = new MapView(maps, count, height, width, kernels.First.Outputs);
            kernels.First.Apply(below.Of(first, count), skip?.Of(first, count), between, relu: true, memory);
            kernels.Second.Apply(between, to.Of(first, count), relu: true, memory);
        });
        GC.KeepAlive(small);
        GC.KeepAlive(large);
        GC.KeepAlive(result);
        return result;
    }

    /// <summary>Whether shares of whole images keep the workers busy evenly.</summary>
    internal static bool Fill(int images, int workers) => images >= LeastUse * workers * ((images + workers - 1) / workers);

    /// <summary>How many images to go through at a time: as many as the cache holds, but so many that reading the kernels does not take longer than reading the maps.</summary>
    /// <param name="ofImage">Numbers of an image's maps.</param>
    /// <param name="ofKernels">Numbers of the kernels.</param>
    internal static int Cached(long ofImage, long ofKernels) => (int)Math.Clamp(Math.Max(Cache / sizeof(float), ofKernels) / ofImage, 1, int.MaxValue);

    /// <summary>Divides the images.</summary>
    /// <param name="to">The result.</param>
    /// <param name="numbers">Of an image in the maps between the layers.</param>
    /// <param name="kernels">Read once for each share.</param>
    /// <param name="share">Computes one.</param>
    private static void Run(MapView to, int numbers, FoldedKernel[] kernels, Share share)
    {
        using var timing = OwnTime.Measure();
        int images = to.Images, workers = Workers.For(long.MaxValue);
        bool together = !Fill(images, workers);
        if (together) workers = 1;
        int count = together ? images : Math.Min(Cached(numbers + to.Image, kernels.Sum(kernel => kernel.Kernel.numel())), (images + workers - 1) / workers);
        // One piece of memory for all workers, by the thread that has asked: what other threads free, the C library may give back to the system.
        nint maps = (nint)count * numbers, each = maps + (together ? 0 : (nint)kernels.Max(kernel => kernel.Needed(count, to.Height, to.Width)));
        using Tensor memory = empty(workers * each, float32).DetachFromDisposeScope();
        float* start = TensorMemory.Numbers(memory);
        if (together)
        {
            share(0, images, start, null);
            return;
        }

        Workers.Run(workers, worker =>
        {
            (int begin, int end) = Workers.Share(images, worker, workers);
            float* own = start + worker * each;
            for (int first = begin; first < end; first += count) share(first, Math.Min(count, end - first), own, own + maps);
        });
        GC.KeepAlive(memory);
    }

    /// <summary>Computes some of the images.</summary>
    /// <param name="first">The first.</param>
    /// <param name="count">How many.</param>
    /// <param name="maps">For the maps between the layers.</param>
    /// <param name="memory">For what lies between within a layer; null if the layers are to share their work themselves.</param>
    private delegate void Share(int first, int count, float* maps, float* memory);
}
