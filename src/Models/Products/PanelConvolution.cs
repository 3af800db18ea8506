using TorchSharp;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Models.Products;

/// <summary>
/// Small convolutions of stride 1 without gradients, whose kernel is kept in panels: one product over the pixels as they are (1×1) or over the windows around them (3×3 of padding 1),
/// with bias, sum and ReLU while its result is in the cache. A call of oneDNN costs about 25 µs besides its work, which is as long as small convolutions take.
/// </summary>
internal static unsafe class PanelConvolution
{
    /// <summary>From so many products on, what a call costs no longer counts.</summary>
    private const long MostProducts = 1 << 24;

    /// <summary>Whether it pays.</summary>
    /// <param name="map">(N, C, H, W).</param>
    /// <param name="kernel">(F, C, 1, 1) or (F, C, 3, 3).</param>
    /// <param name="whateverSize">Whether large ones do too: those whose sums are wanted while the result is in the cache, where oneDNN's result would be read from memory again.</param>
    internal static bool Suits(Tensor map, Tensor kernel, bool whateverSize = false)
    {
        if (map.device_type != DeviceType.CPU || map.dtype != float32 || kernel.dtype != float32) return false;
        long[] shape = kernel.shape, size = map.shape;
        return (shape[2], shape[3]) is (1, 1) or (3, 3) && MatrixProduct.Suits(shape[0]) && MatrixProduct.Suits(shape[1]) && (whateverSize || size[0] * size[2] * size[3] * kernel.numel() <= MostProducts);
    }

    /// <summary>A kernel as <see cref="Compute(Tensor, Tensor, Tensor, bool)"/> takes it.</summary>
    /// <param name="kernel">(F, C, 1, 1) or (F, C, 3, 3).</param>
    /// <returns>Owned by the caller's dispose scope.</returns>
    internal static Tensor Form(Tensor kernel)
    {
        (int filters, int steps) = ((int)kernel.shape[0], (int)(kernel.numel() / kernel.shape[0]));
        Tensor panels = empty(kernel.numel(), float32);
        using Tensor turned = kernel.permute(0, 2, 3, 1), plain = turned.contiguous();
        MatrixProduct.PackTurned(TensorMemory.Numbers(plain), steps, TensorMemory.Numbers(panels), steps, filters);
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
        Compute(form, bias, MapView.Of(map), MapView.Of(result), add: false, relu);
        GC.KeepAlive(map);
        return result;
    }

    /// <summary>sum ← relu(sum + convolution + bias), or without the ReLU.</summary>
    /// <param name="sum">(N, F, H, W), channels last; overwritten.</param>
    /// <param name="form">See <see cref="Form"/>.</param>
    /// <param name="bias">(F), contiguous.</param>
    /// <param name="map">(N, C, H, W), channels last.</param>
    /// <param name="relu">Whether negative results become 0.</param>
    internal static void AddTo(Tensor sum, Tensor form, Tensor bias, Tensor map, bool relu)
    {
        Compute(form, bias, MapView.Of(map), MapView.Of(sum), add: true, relu);
        GC.KeepAlive(map);
        GC.KeepAlive(sum);
    }

    /// <summary>The convolution, or what <paramref name="to"/> holds and the convolution; or its ReLU.</summary>
    /// <param name="form">See <see cref="Form"/>.</param>
    /// <param name="bias">(F), contiguous.</param>
    /// <param name="from">C channels.</param>
    /// <param name="to">F channels; as many pixels.</param>
    /// <param name="add">Whether the result is added.</param>
    /// <param name="relu">Whether negative results become 0.</param>
    /// <param name="memory">The windows, see <see cref="Needed"/>; or null.</param>
    internal static void Compute(Tensor form, Tensor bias, MapView from, MapView to, bool add, bool relu, float* memory = null)
    {
        using var timing = OwnTime.Measure();
        int steps = (int)(form.numel() / to.Channels);
        long needed = Needed(form, from.Channels, to.Channels, from.Pixels);
        using Tensor? windows = needed > 0 && memory is null ? empty(needed, float32).DetachFromDisposeScope() : null;
        float* rows = needed == 0 ? from.Numbers : windows is null ? memory : TensorMemory.Numbers(windows);
        if (needed > 0) new WindowMatrix(from.Images, from.Channels, from.Height, from.Width).SpreadByPlace(from.Numbers, rows);

        MatrixProduct.TimesPacked(rows, TensorMemory.Numbers(form), TensorMemory.Numbers(bias), to.Numbers, from.Pixels, steps, to.Channels, add, relu);
        GC.KeepAlive(form);
        GC.KeepAlive(bias);
    }

    /// <summary>Numbers of the windows around so many pixels; none for a 1×1.</summary>
    internal static long Needed(Tensor form, int channels, int filters, int pixels) => form.numel() / filters == channels ? 0 : form.numel() / filters * pixels;
}
