using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TorchSharp;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Models.Products;

/// <summary>
/// 3×3 convolutions of padding 1 over a map doubled by nearest upsampling, without gradients, whose kernel is kept in panels: one product of the pixels as they are with every place
/// of the kernel, and one sweep that adds for each pixel of the doubled map the nine it sees.
/// </summary>
internal static unsafe class DoubledProduct
{
    private const int Size = 3, Taps = Size * Size, Lanes = 16;

    /// <summary>Whether this way is there.</summary>
    /// <param name="map">(N, C, H, W).</param>
    /// <param name="filters">Of the kernel, F.</param>
    internal static bool Suits(Tensor map, long filters) =>
        map.device_type == DeviceType.CPU && map.dtype == float32 && MatrixProduct.Suits(filters) && MatrixProduct.Suits(map.shape[1]) && map.numel() / map.shape[1] * filters * Taps < int.MaxValue;

    /// <summary>A kernel as <see cref="AddTo(Tensor, Tensor, Tensor, bool)"/> takes it.</summary>
    /// <param name="kernel">(F, C, 3, 3).</param>
    /// <returns>Owned by the caller's dispose scope.</returns>
    internal static Tensor Form(Tensor kernel)
    {
        (int filters, int channels) = ((int)kernel.shape[0], (int)kernel.shape[1]);
        Tensor panels = empty(kernel.numel(), float32);
        using Tensor turned = kernel.permute(2, 3, 0, 1), plain = turned.contiguous();
        MatrixProduct.PackTurned(TensorMemory.Numbers(plain), channels, TensorMemory.Numbers(panels), channels, Taps * filters);
        return panels;
    }

    /// <summary>sum ← sum + the convolution of the doubled map, or its ReLU.</summary>
    /// <param name="sum">(N, F, 2H, 2W), channels last; overwritten.</param>
    /// <param name="form">See <see cref="Form"/>.</param>
    /// <param name="map">(N, C, H, W), channels last.</param>
    /// <param name="relu">Whether negative results become 0.</param>
    internal static void AddTo(Tensor sum, Tensor form, Tensor map, bool relu)
    {
        AddTo(MapView.Of(sum), form, MapView.Of(map), relu);
        GC.KeepAlive(sum);
        GC.KeepAlive(map);
    }

    /// <summary>The same of maps in memory.</summary>
    /// <param name="sum">Overwritten.</param>
    /// <param name="form">See <see cref="Form"/>.</param>
    /// <param name="map">Half as high and wide.</param>
    /// <param name="relu">Whether negative results become 0.</param>
    /// <param name="memory">What lies between, see <see cref="Needed"/>; or null.</param>
    internal static void AddTo(MapView sum, Tensor form, MapView map, bool relu, float* memory = null)
    {
        using var timing = OwnTime.Measure();
        (int pixels, int height, int width, int filters) = (map.Pixels, map.Height, map.Width, sum.Channels);
        using Tensor? products = memory is null ? empty(Needed(pixels, filters), float32).DetachFromDisposeScope() : null;
        float* of = products is null ? memory : TensorMemory.Numbers(products), to = sum.Numbers;
        MatrixProduct.TimesPacked(map.Numbers, TensorMemory.Numbers(form), null, of, pixels, map.Channels, Taps * filters, add: false, relu: false);
        int rows = map.Images * 2 * height, parts = Math.Min(rows, Workers.For((long)pixels * Taps * filters));
        Workers.Run(parts, part =>
        {
            (int begin, int end) = Workers.Share(rows, part, parts);
            for (int row = begin; row < end; row++) AddToRow(of, to + (nint)row * 2 * width * filters, row, height, width, filters, relu);
        });
        GC.KeepAlive(form);
    }

    /// <summary>Numbers of what lies between for so many pixels of the small map.</summary>
    internal static long Needed(long pixels, int filters) => pixels * Taps * filters;

    /// <summary>One row of the doubled map: place (i, j) of the window around (u, v) sees the pixel at half of (u + i − 1, v + j − 1).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddToRow(float* products, float* to, int row, int height, int width, int filters, bool relu)
    {
        Vector512<float> least = Vector512.Create(relu ? 0 : float.NegativeInfinity);
        (int image, int u) = (row / (2 * height), row % (2 * height));
        int firstRow = u == 0 ? 1 : 0, lastRow = u == 2 * height - 1 ? 1 : 2;
        for (int v = 0; v < 2 * width; v++)
        {
            int firstColumn = v == 0 ? 1 : 0, lastColumn = v == 2 * width - 1 ? 1 : 2;
            for (int filter = 0; filter < filters; filter += Lanes, to += Lanes)
            {
                Vector512<float> sum = Vector512.Load(to);
                for (int i = firstRow; i <= lastRow; i++)
                {
                    float* pixels = products + (nint)(image * height + (u + i - 1) / 2) * width * Taps * filters + i * Size * filters + filter;
                    for (int j = firstColumn; j <= lastColumn; j++) sum += Vector512.Load(pixels + ((nint)((v + j - 1) / 2) * Taps + j) * filters);
                }

                // NaN stays NaN: the native maximum of two numbers is the second where one is NaN.
                Vector512.MaxNative(least, sum).Store(to);
            }
        }
    }
}
