using TorchSharp;
using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Models;

/// <summary>Padding and subsampling as TensorFlow does them.</summary>
internal static class StridedWindows
{
    /// <summary>
    /// Pads images (N, C, H, W) so that a window of <paramref name="size"/> with stride 2 and no further padding gives ⌈H/2⌉ × ⌈W/2⌉. The caller owns the result, on the CPU
    /// in the order of channels last.
    /// </summary>
    internal static Tensor Pad(Tensor images, int size, ConvolutionPadding padding, double value)
    {
        (long top, long bottom) = Border(images.shape[2]);
        (long left, long right) = Border(images.shape[3]);
        if (value == 0 && PaddedImages.Suits(images)) return PaddedImages.Of(images, (int)top, (int)bottom, (int)left, (int)right);
        using Tensor x = ChannelsLast.Of(images);
        return functional.pad(x, [left, right, top, bottom], PaddingModes.Constant, value);

        (long, long) Border(long side) => padding == ConvolutionPadding.Symmetric ? (size / 2, size / 2) : Same(side, size);
    }

    /// <summary>The maximum over windows of 3×3 with stride 2, ⌈H/2⌉ × ⌈W/2⌉ of them. The caller owns the result.</summary>
    // 'Same' pads an even side by 0 and 1, which is a last window that reaches over the border, and an odd one by 1 and 1: no padded copy is needed.
    internal static Tensor MaxPool(Tensor x, ConvolutionPadding padding)
    {
        (long top, long left) = padding == ConvolutionPadding.Symmetric ? (1, 1) : (x.shape[2] % 2, x.shape[3] % 2);
        if (WindowMaximum.Suits(x)) return WindowMaximum.Of(x, (int)top, (int)left);
        return functional.max_pool2d(x, [3, 3], strides: [2, 2], padding: [top, left], ceil_mode: padding != ConvolutionPadding.Symmetric);
    }

    /// <summary>
    /// Every second row and column. Followed by a 1×1 convolution of stride 1 it is exactly the 1×1 convolution of stride 2, whose backward pass divides by
    /// zero (SIGFPE) inside oneDNN on some CPUs. A view; the caller owns it.
    /// </summary>
    internal static Tensor EverySecond(Tensor x)
    {
        using Tensor rows = x.slice(2, 0, x.shape[2], 2);
        return rows.slice(3, 0, x.shape[3], 2);
    }

    private static (long Before, long After) Same(long side, int size)
    {
        long total = Math.Max(((side + 1) / 2 - 1) * 2 + size - side, 0);
        return (total / 2, total - total / 2);
    }
}
