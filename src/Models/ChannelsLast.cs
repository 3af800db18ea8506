using TorchSharp.Modules;
using static TorchSharp.torch;

namespace UnetResnet.Models;

/// <summary>
/// PyTorch's memory format <c>channels_last</c>: the channels of a pixel lie side by side. On the CPU, convolutions work in that order, and everything between them
/// keeps the order of its input; images that come in the usual order are turned round before and after every convolution.
/// </summary>
internal static class ChannelsLast
{
    /// <summary>The same numbers in that order; on other devices than the CPU the images as they are.</summary>
    /// <param name="images">(N, C, H, W).</param>
    /// <returns>(N, C, H, W), owned by the caller's dispose scope.</returns>
    // TorchSharp 0.107.0 does not pass memory formats on; libtorch recognises this one by its strides.
    internal static Tensor Of(Tensor images) =>
        images.device_type == TorchSharp.DeviceType.CPU ? images.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2) : images.alias();

    /// <summary>
    /// Lays a convolution's kernel out in that order, so that no convolution has to do it again: at 512 channels that takes longer than the products. The kernel keeps its
    /// shape and its numbers. Called after the kernel is filled, because random numbers come in the order of memory.
    /// </summary>
    internal static void Store(Conv2d convolution)
    {
        using var noGrad = no_grad();
        bool trained = convolution.weight!.requires_grad;
        Tensor turned = convolution.weight.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);
        convolution.weight = new Parameter(turned, trained);
    }
}
