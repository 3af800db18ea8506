using static TorchSharp.torch;

namespace UnetResnet.Runtime;

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

    /// <summary>Memory in that order for float32 numbers that are still to be written. No view, because whoever gets what a function of autograd gives may go on in its memory.</summary>
    /// <returns>(N, C, H, W), owned by the caller's dispose scope.</returns>
    internal static Tensor Empty(long images, long channels, long height, long width) =>
        empty_strided([images, channels, height, width], [height * width * channels, 1, width * channels, channels], float32);
}
