using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using TorchSharp;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Models;

/// <summary>The maximum over windows of 3×3 with stride 2, without gradients: libtorch's notes for each maximum where it was, which takes longer than the maximum.</summary>
internal static unsafe class WindowMaximum
{
    private const int Size = 3, Stride = 2, Lanes = 16;

    /// <summary>Whether this way is there.</summary>
    /// <param name="map">(N, C, H, W).</param>
    internal static bool Suits(Tensor map) =>
        Avx512F.IsSupported && map.device_type == DeviceType.CPU && map.dtype == float32 && map.shape[1] % Lanes == 0 && map.numel() is > 0 and < int.MaxValue && !(is_grad_enabled() && map.requires_grad);

    /// <summary>The maxima; NaN where one of the window's numbers is.</summary>
    /// <param name="map">(N, C, H, W).</param>
    /// <param name="before">How far the first window reaches over the upper border.</param>
    /// <param name="left">How far the first window reaches over the left border.</param>
    /// <returns>(N, C, ⌈H/2⌉, ⌈W/2⌉), channels last, owned by the caller's dispose scope.</returns>
    internal static Tensor Of(Tensor map, int before, int left)
    {
        using Tensor from = ChannelsLast.Of(map);
        long[] size = map.shape;
        (int images, int channels, int height, int width) = ((int)size[0], (int)size[1], (int)size[2], (int)size[3]);
        (int rows, int columns) = ((height + 1) / Stride, (width + 1) / Stride);
        Tensor result = ChannelsLast.Empty(images, channels, rows, columns);
        float* pixels = TensorMemory.Pixels(from), to = TensorMemory.Pixels(result);
        int parts = Math.Min(images * rows, Workers.For((long)images * rows * columns * channels));
        Workers.Run(parts, part =>
        {
            (int begin, int end) = Workers.Share(images * rows, part, parts);
            for (int row = begin; row < end; row++)
            {
                int top = row % rows * Stride - before, first = Math.Max(top, 0), last = Math.Min(top + Size, height);
                Row(pixels + ((nint)(row / rows) * height + first) * width * channels, last - first, width, left, channels, to + (nint)row * columns * channels, columns);
            }
        });
        GC.KeepAlive(from);
        GC.KeepAlive(result);
        return result;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Row(float* from, int height, int width, int left, int channels, float* to, int columns)
    {
        for (int column = 0; column < columns; column++)
        {
            int first = Math.Max(column * Stride - left, 0), last = Math.Min(column * Stride - left + Size, width);
            for (int channel = 0; channel < channels; channel += Lanes, to += Lanes)
            {
                Vector512<float> most = Vector512.Create(float.NegativeInfinity);
                for (int y = 0; y < height; y++)
                {
                    float* row = from + (nint)y * width * channels + channel;
                    for (int x = first; x < last; x++) most = Vector512.Max(most, Vector512.Load(row + (nint)x * channels));
                }

                most.Store(to);
            }
        }
    }
}
