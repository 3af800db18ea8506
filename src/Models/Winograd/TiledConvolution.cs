using UnetResnet.Models.Products;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Models.Winograd;

/// <summary>
/// 3×3 convolutions of padding 1 as products of tiles: 36 products for the 16 pixels of a tile instead of 144. Each worker takes some tiles from pixels to pixels through
/// memory of its own, a block at a time, so that what lies between stays in the cache.
/// </summary>
internal static unsafe class TiledConvolution
{
    private const int Places = TileTransforms.Places, Line = 16;

    /// <summary>Bytes of what lies between for one block: half of the cache of a core on present servers.</summary>
    private const long Cached = 1 << 20;

    /// <summary>Numbers that a core may fetch ahead of those that it goes through one after the other.</summary>
    private const int Ahead = 1024;

    /// <summary>Bytes of all workers' kernel gradients.</summary>
    private const long Gradients = 256 << 20;

    /// <summary>Numbers of a kernel in the form that multiplies tiles.</summary>
    internal static long KernelSize(int outputs, int inputs) => Places * (long)KernelTransforms.Place(outputs, inputs);

    /// <summary>Brings a kernel into that form, see <see cref="KernelTransforms.OfKernel"/>.</summary>
    internal static void Prepare(float* kernel, int outputs, int inputs, nint stride, bool turned, float* to)
    {
        using var timing = OwnTime.Measure();
        int parts = KernelTransforms.Parts(outputs, inputs), workers = Math.Min(Workers.For((long)outputs * inputs * Places), parts);
        Workers.Run(workers, worker =>
        {
            (int begin, int end) = Workers.Share(parts, worker, workers);
            for (int part = begin; part < end; part++) KernelTransforms.OfKernel(kernel, outputs, inputs, stride, turned, to, part);
        });
    }

    /// <summary>Convolves.</summary>
    /// <param name="grid">The tiles.</param>
    /// <param name="from">The maps whose channels, one after the other, are the inputs.</param>
    /// <param name="kernel">As <see cref="Prepare"/> gives it.</param>
    /// <param name="to">The maps whose channels, one after the other, are the outputs.</param>
    /// <param name="bias">Of the only map of <paramref name="to"/>, or null.</param>
    /// <param name="relu">Whether negative results become 0.</param>
    /// <param name="memory">What lies between, see <see cref="Needed"/>, for a worker that computes alone; or null.</param>
    internal static void Convolve(TileGrid grid, Pixels[] from, float* kernel, Pixels[] to, float* bias, bool relu, float* memory = null)
    {
        using var timing = OwnTime.Measure();
        int inputs = from.Sum(map => map.Channels), outputs = to.Sum(map => map.Channels), panel = PanelProduct.PanelFor(outputs);
        int workers = memory is null ? Math.Min(Workers.For((long)grid.Count * Places * outputs), grid.Count) : 1, block = Block(grid, workers, inputs, outputs);
        nint place = KernelTransforms.Place(outputs, inputs), left = Place(block, inputs), right = Place(block, outputs), between = Between(block, inputs, outputs);
        using Tensor? own = memory is null ? Memory(workers, between) : null;
        float* start = own is null ? memory : TensorMemory.Numbers(own);
        Workers.Run(workers, worker =>
        {
            float* tiles = start + worker * between, products = tiles + Places * left, zeros = products + Places * right;
            new Span<float>(zeros, inputs).Clear();
            (int begin, int end) = Workers.Share(grid.Count, worker, workers);
            for (int first = begin; first < end; first += block)
            {
                int count = Math.Min(block, end - first), rows = (count + PanelProduct.Rows - 1) / PanelProduct.Rows * PanelProduct.Rows;
                Inputs(grid, from, first, count, tiles, left, inputs, zeros);
                for (int p = 0; p < Places; p++)
                {
                    new Span<float>(tiles + p * left + (nint)count * inputs, (rows - count) * inputs).Clear();
                    PanelProduct.Compute(tiles + p * left, inputs, 1, kernel + p * place, panel, (nint)inputs * panel, products + p * right, outputs, panel, rows, inputs, outputs, panel, add: false);
                }

                int channel = 0;
                foreach (Pixels map in to)
                {
                    TileTransforms.Outputs(grid, products + channel, right, outputs, first, count, map, bias, relu);
                    channel += map.Channels;
                }
            }
        });
    }

    /// <summary>Numbers of what lies between for a worker that convolves alone.</summary>
    internal static long Needed(TileGrid grid, int inputs, int outputs) => Between(Block(grid, 1, inputs, outputs), inputs, outputs);

    /// <summary>The gradient of the kernel, and that of the bias.</summary>
    /// <param name="grid">The tiles.</param>
    /// <param name="from">The maps that were convolved.</param>
    /// <param name="gradient">The gradient of the result.</param>
    /// <param name="kernel">(outputs, inputs, 3, 3), to be written.</param>
    /// <param name="bias">(outputs), to be written, or null.</param>
    internal static void KernelGradient(TileGrid grid, Pixels[] from, Pixels gradient, float* kernel, float* bias)
    {
        using var timing = OwnTime.Measure();
        int inputs = from.Sum(map => map.Channels), outputs = gradient.Channels, panel = PanelProduct.PanelFor(outputs);
        nint place = KernelTransforms.Place(outputs, inputs);
        int workers = (int)Math.Clamp(Gradients / (Places * place * sizeof(float)), 1, Math.Min(Workers.For((long)grid.Count * Places * outputs), grid.Count)), block = Block(grid, workers, inputs, outputs);
        nint left = Place(block, inputs), right = Place(block, outputs), sum = Places * place, between = Places * (left + right) + Math.Max(inputs, outputs) + Apart(left, right), whole = sum + outputs + Ahead;
        using Tensor results = Memory(workers, whole), memory = Memory(workers, between);
        float* start = TensorMemory.Numbers(memory), all = TensorMemory.Numbers(results);
        Workers.Run(workers, worker =>
        {
            float* tiles = start + worker * between, gradients = tiles + Places * left, zeros = gradients + Places * right, own = all + worker * whole, shift = own + sum;
            new Span<float>(zeros, Math.Max(inputs, outputs)).Clear();
            new Span<float>(shift, outputs).Clear();
            (int begin, int end) = Workers.Share(grid.Count, worker, workers);
            for (int first = begin; first < end; first += block)
            {
                int count = Math.Min(block, end - first);
                Inputs(grid, from, first, count, tiles, left, inputs, zeros);
                TileTransforms.OfGradients(grid, gradient, first, count, gradients, right, outputs, shift, zeros);
                for (int p = 0; p < Places; p++)
                    PanelProduct.Compute(tiles + p * left, 1, inputs, gradients + p * right, outputs, panel, own + p * place, panel, (nint)inputs * panel, inputs, count, outputs, panel, add: first > begin);
            }
        });
        int parts = KernelTransforms.Parts(outputs, inputs), last = Math.Min(Workers.For((long)outputs * inputs * Places), parts);
        Workers.Run(last, worker =>
        {
            (int begin, int end) = Workers.Share(parts, worker, last);
            for (int part = begin; part < end; part++) KernelTransforms.ToKernel(all, whole, workers, outputs, inputs, kernel, part);
        });
        if (bias is null) return;
        for (int o = 0; o < outputs; o++)
        {
            float total = 0;
            for (int worker = 0; worker < workers; worker++) total += all[worker * whole + sum + o];
            bias[o] = total;
        }
    }

    /// <summary>Numbers of what lies between for a worker: the tiles, their products, zeros, and what keeps it apart from the next one's.</summary>
    private static nint Between(int block, int inputs, int outputs)
    {
        nint left = Place(block, inputs), right = Place(block, outputs);
        return Places * (left + right) + inputs + Apart(left, right);
    }

    /// <summary>Numbers from place to place: a line more than there are, because the same line of many places would else compete for the same part of the cache.</summary>
    private static nint Place(int tiles, int channels) => (nint)tiles * channels + Line;

    /// <summary>
    /// Numbers between the memories of two workers: a core that goes from place to place fetches what would come after the last one, and the worker to whom that belongs would wait for it
    /// each time (measured: four times as long for the tiles of 16 channels on two cores).
    /// </summary>
    private static nint Apart(nint left, nint right) => Places * Math.Max(left, right);

    private static void Inputs(TileGrid grid, Pixels[] from, int first, int count, float* tiles, nint place, nint tile, float* zeros)
    {
        foreach (Pixels map in from)
        {
            TileTransforms.OfInputs(grid, map, first, count, tiles, place, tile, zeros);
            tiles += map.Channels;
        }
    }

    /// <summary>Tiles of a block: as many as the cache holds, but so many that reading the kernel for each block does not take longer than reading the block.</summary>
    private static int Block(TileGrid grid, int workers, int inputs, int outputs)
    {
        long most = (grid.Count + workers - 1) / workers, tiles = Math.Max(Cached / (Places * sizeof(float) * (inputs + outputs)), (long)inputs * outputs / (inputs + outputs));
        return (int)((Math.Min(most, tiles) + PanelProduct.Rows - 1) / PanelProduct.Rows * PanelProduct.Rows);
    }

    private static Tensor Memory(int workers, nint numbers) => empty(workers * numbers, float32).DetachFromDisposeScope();
}
