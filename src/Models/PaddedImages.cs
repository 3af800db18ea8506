using System.Runtime.CompilerServices;
using TorchSharp;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Models;

/// <summary>Images in the usual order, brought into the order of channels last with a border of zeros in one sweep, without gradients: libtorch copies them twice.</summary>
internal static unsafe class PaddedImages
{
    private const int Channels = 3;

    /// <summary>Whether this way is there.</summary>
    /// <param name="images">(N, C, H, W).</param>
    internal static bool Suits(Tensor images) =>
        images.device_type == DeviceType.CPU && images.dtype == float32 && images.shape[1] == Channels && images.is_contiguous() && images.numel() > 0 && !(is_grad_enabled() && images.requires_grad);

    /// <summary>The images within zeros.</summary>
    /// <param name="images">(N, 3, H, W).</param>
    /// <param name="top">Rows of zeros above.</param>
    /// <param name="bottom">Rows of zeros below.</param>
    /// <param name="left">Columns of zeros before.</param>
    /// <param name="right">Columns of zeros behind.</param>
    /// <returns>(N, 3, top + H + bottom, left + W + right), channels last, owned by the caller's dispose scope.</returns>
    internal static Tensor Of(Tensor images, int top, int bottom, int left, int right)
    {
        long[] size = images.shape;
        (int count, int height, int width) = ((int)size[0], (int)size[2], (int)size[3]);
        (int rows, int columns) = (top + height + bottom, left + width + right);
        Tensor result = ChannelsLast.Empty(count, Channels, rows, columns);
        float* from = TensorMemory.Numbers(images), to = TensorMemory.Pixels(result);
        int parts = Math.Min(count * rows, Workers.For((long)count * rows * columns * Channels));
        Workers.Run(parts, part =>
        {
            (int begin, int end) = Workers.Share(count * rows, part, parts);
            for (int row = begin; row < end; row++)
            {
                (int image, int y) = (row / rows, row % rows - top);
                float* at = to + (nint)row * columns * Channels, inner = at + left * Channels;
                if (y < 0 || y >= height)
                {
                    new Span<float>(at, columns * Channels).Clear();
                    continue;
                }

                new Span<float>(at, left * Channels).Clear();
                Interleave(from + ((nint)image * Channels * height + y) * width, (nint)height * width, inner, width);
                new Span<float>(inner + width * Channels, right * Channels).Clear();
            }
        });
        GC.KeepAlive(images);
        GC.KeepAlive(result);
        return result;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Interleave(float* from, nint apart, float* to, int width)
    {
        float* second = from + apart, third = second + apart;
        for (int x = 0; x < width; x++, to += Channels) (to[0], to[1], to[2]) = (from[x], second[x], third[x]);
    }
}
