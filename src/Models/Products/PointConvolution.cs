using TorchSharp;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Models.Products;

/// <summary>
/// 1×1 convolutions of stride 1 without gradients, whose kernel is kept in panels: one product over the pixels as they are, with bias, sum and ReLU while its result is in the cache.
/// A call of oneDNN costs about 25 µs besides its work, which is as long as small convolutions take.
/// </summary>
internal static unsafe class PointConvolution
{
    /// <summary>From so many products on, what a call costs no longer counts.</summary>
    private const long MostProducts = 1 << 24;

    /// <summary>Whether it pays.</summary>
    /// <param name="map">(N, C, H, W).</param>
    /// <param name="kernel">(F, C, 1, 1).</param>
    internal static bool Suits(Tensor map, Tensor kernel)
    {
        if (map.device_type != DeviceType.CPU || map.dtype != float32 || kernel.dtype != float32) return false;
        long[] shape = kernel.shape, size = map.shape;
        return (shape[2], shape[3]) == (1, 1) && MatrixProduct.Suits(shape[0]) && MatrixProduct.Suits(shape[1]) && size[0] * size[2] * size[3] * shape[0] * shape[1] <= MostProducts;
    }

    /// <summary>A kernel as <see cref="Compute"/> takes it.</summary>
    /// <param name="kernel">(F, C, 1, 1).</param>
    /// <returns>Owned by the caller's dispose scope.</returns>
    internal static Tensor Form(Tensor kernel)
    {
        (int filters, int channels) = ((int)kernel.shape[0], (int)kernel.shape[1]);
        Tensor panels = empty(kernel.numel(), float32);
        using Tensor plain = kernel.contiguous();
        MatrixProduct.PackTurned(TensorMemory.Numbers(plain), channels, TensorMemory.Numbers(panels), channels, filters);
        return panels;
    }

    /// <summary>relu(convolution + bias), or without the ReLU.</summary>
    /// <param name="form">See <see cref="Form"/>.</param>
    /// <param name="bias">(F), contiguous.</param>
    /// <param name="map">(N, C, H, W), channels last.</param>
    /// <param name="relu">Whether negative results become 0.</param>
    /// <returns>(N, F, H, W), channels last, owned by the caller's dispose scope.</returns>
    internal static Tensor Compute(Tensor form, Tensor bias, Tensor map, bool relu)
    {
        long[] size = map.shape;
        Tensor result = ChannelsLast.Empty(size[0], bias.shape[0], size[2], size[3]);
        Multiply(form, bias, map, size, result, add: false, relu);
        return result;
    }

    /// <summary>sum ← relu(sum + convolution + bias), or without the ReLU.</summary>
    /// <param name="sum">(N, F, H, W), channels last; overwritten.</param>
    /// <param name="form">See <see cref="Form"/>.</param>
    /// <param name="bias">(F), contiguous.</param>
    /// <param name="map">(N, C, H, W), channels last.</param>
    /// <param name="relu">Whether negative results become 0.</param>
    internal static void AddTo(Tensor sum, Tensor form, Tensor bias, Tensor map, bool relu) => Multiply(form, bias, map, map.shape, sum, add: true, relu);

    private static void Multiply(Tensor form, Tensor bias, Tensor map, long[] size, Tensor result, bool add, bool relu)
    {
        using var timing = OwnTime.Measure();
        MatrixProduct.TimesPacked(TensorMemory.Pixels(map), TensorMemory.Numbers(form), TensorMemory.Numbers(bias), TensorMemory.Pixels(result), (int)(size[0] * size[2] * size[3]), (int)size[1], (int)bias.shape[0], add, relu);
        foreach (Tensor used in new[] { form, bias, map, result }) GC.KeepAlive(used);
    }
}
