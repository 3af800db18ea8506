using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using UnetResnet.Models.Products;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Models;

/// <summary>
/// A plan of what workers do with the maps of their own images, and where they meet because a layer's scale and shift follow from the sums of all images. It is made first and then run once.
/// </summary>
/// <param name="images">Images of the maps.</param>
/// <param name="height">Rows of a map.</param>
/// <param name="width">Pixels of a row.</param>
/// <param name="layers">All that come in the plan.</param>
internal sealed unsafe class LayerSteps(int images, int height, int width, OwnLayer[] layers)
{
    private readonly List<Step> steps = [new Step()];
    private readonly Dictionary<OwnLayer, IReadOnlyList<(float[] Scale, float[] Shift)>> numbers = new(ReferenceEqualityComparer.Instance);
    private long most;
    private double* sums;

    /// <summary>Something that is done to some images.</summary>
    /// <param name="part">Gets the first image and how many.</param>
    internal void Do(Action<int, int> part) => Do((first, count, _) => part(first, count));

    /// <summary>A layer's convolution, and the sums of its result if they are needed; a layer that is all in its kernel is done then.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="from">What it convolves.</param>
    /// <param name="to">To be written.</param>
    /// <param name="onto">What the layer is added to in the end, or null.</param>
    internal void Convolve(OwnLayer layer, MapView from, MapView to, MapView? onto = null)
    {
        if (layer.Scaling is null && onto is { } sum)
        {
            Do((first, count) => layer.Kernel.AddTo(sum.Of(first, count), from.Of(first, count)));
            return;
        }

        Do((first, count, memory) => layer.Kernel.Apply(from.Of(first, count), to.Of(first, count), layer.Scaling is null && layer.Relu, memory));
        if (layer.Scaling is not { } scaling) return;
        int ofImage = 2 * to.Channels, inGroup = images / scaling.Groups;
        long begin = steps[^1].Sums;
        if (scaling.NeedsSums)
        {
            steps[^1].Sums += (long)images * ofImage;
            most = Math.Max(most, steps[^1].Sums);
            Do((first, count) =>
            {
                for (int image = first; image < first + count; image++) ChannelMap.SumImage(Image(to, image), OfImage(image));
            });
        }

        steps[^1].Meeting += () => numbers[layer] = scaling.Of(scaling.NeedsSums ? Totals() : [], (long)inGroup * height * width);

        Span<double> OfImage(int image) => new(sums + begin + (long)image * ofImage, ofImage);

        // In the place of the first images' sums, which are used up by then.
        ReadOnlySpan<double> Totals()
        {
            for (int group = 0; group < scaling.Groups; group++)
            {
                if (group > 0) OfImage(group * inGroup).CopyTo(OfImage(group));
                for (int image = 1; image < inGroup; image++) ChannelSweeps.Add(OfImage(group * inGroup + image), OfImage(group));
            }

            return new ReadOnlySpan<double>(sums + begin, scaling.Groups * ofImage);
        }
    }

    /// <summary>All workers are done with what is planned so far before any goes on.</summary>
    internal void Meet() => steps.Add(new Step());

    /// <summary>What comes between a convolution and the ReLU, and that, after a meeting; nothing where both were in the kernel.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="map">What it has convolved; overwritten where it is not added to anything.</param>
    /// <param name="onto">What it is added to; overwritten; or null.</param>
    internal void Finish(OwnLayer layer, MapView map, MapView? onto = null)
    {
        if (layer.Scaling is not { } scaling) return;
        int inGroup = images / scaling.Groups;
        Do((first, count) =>
        {
            for (int image = first; image < first + count; image++)
            {
                (float[] scale, float[] shift) = numbers[layer][image / inGroup];
                Span<float> own = Image(map, image);
                if (onto is { } sum) ChannelSweeps.Add(own, Image(sum, image), Image(sum, image), scale, shift, layer.Relu);
                else ChannelSweeps.Scale(own, own, scale, shift, layer.Relu);
            }
        });
    }

    /// <summary>Does everything.</summary>
    internal void Run()
    {
        using var timing = OwnTime.Measure();
        int slots = Workers.For(long.MaxValue), together = Math.Min(ImageShares.Cached(layers.Max(layer => height * width * (layer.Kernel.Inputs + layer.Kernel.Outputs)), layers.Max(layer => layer.Kernel.Kernel.numel())), (images + slots - 1) / slots);
        nint each = (nint)layers.Max(layer => layer.Kernel.Needed(together, height, width));
        using Tensor memory = empty(Math.Max(1, slots * each), float32).DetachFromDisposeScope(), places = empty(Math.Max(1, most), float64).DetachFromDisposeScope();
        float* start = TensorMemory.Numbers(memory);
        sums = (double*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(TensorMemory.Float64(places)));
        Workers.RunSteps(steps.Count, (step, worker, workers) =>
        {
            (int begin, int end) = Workers.Share(images, worker, workers);
            for (int first = begin; first < end; first += together)
            {
                foreach (Part part in steps[step].Parts) part(first, Math.Min(together, end - first), start + worker * each);
            }
        }, step => steps[step].Meeting());
        GC.KeepAlive(memory);
        GC.KeepAlive(places);
    }

    private void Do(Part part) => steps[^1].Parts.Add(part);

    private static Span<float> Image(MapView map, int image) => new(map.Numbers + image * map.Image, checked((int)map.Image));

    private delegate void Part(int first, int count, float* memory);

    /// <summary>What is done between two meetings, and at the second.</summary>
    private sealed class Step
    {
        internal List<Part> Parts { get; } = [];

        internal Action Meeting { get; set; } = () => { };

        /// <summary>Numbers that its sums take.</summary>
        internal long Sums { get; set; }
    }
}
