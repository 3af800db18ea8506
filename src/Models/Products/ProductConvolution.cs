using TorchSharp;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Models.Products;

/// <summary>
/// Convolutions of stride 1 as products of matrices, forward and for both gradients: a 1×1 over the pixels as they are, a 3×3 of padding 1 over the windows around them. The kernel
/// is used in its own order in memory, in which its gradient arrives too; oneDNN turns both round in every step of a training, which takes as long as the products where maps are small.
/// </summary>
internal sealed unsafe class ProductConvolution : autograd.SingleTensorFunction<ProductConvolution>
{
    private const string Key = "call";

    /// <summary>Below so many products a call of C# from the graph takes longer than what is saved.</summary>
    private const long LeastProducts = 1 << 24;

    /// <summary>Numbers of the kernel for a pixel of the map from which turning the kernel round is what takes time.</summary>
    private const long KernelPerPixel = 2048;

    /// <inheritdoc/>
    public override string Name => nameof(ProductConvolution);

    /// <summary>Whether it pays for a convolution whose kernel changes from step to step.</summary>
    /// <param name="map">(N, C, H, W).</param>
    /// <param name="kernel">(F, C, 1, 1) or (F, C, 3, 3).</param>
    internal static bool Suits(Tensor map, Tensor kernel)
    {
        if (map.device_type != DeviceType.CPU || map.dtype != float32 || kernel.dtype != float32) return false;
        long[] shape = kernel.shape, size = map.shape;
        long pixels = size[0] * size[2] * size[3], numbers = kernel.numel();
        return (shape[2], shape[3]) is (1, 1) or (3, 3) && MatrixProduct.Suits(shape[0]) && MatrixProduct.Suits(shape[1]) && pixels * numbers >= LeastProducts && numbers >= KernelPerPixel * pixels;
    }

    /// <summary>The convolution.</summary>
    /// <param name="map">(N, C, H, W).</param>
    /// <param name="kernel">(F, C, 1, 1), or (F, C, 3, 3) for a padding of 1.</param>
    /// <param name="bias">(F), or null.</param>
    /// <returns>(N, F, H, W), channels last, owned by the caller's dispose scope.</returns>
    internal static Tensor Apply(Tensor map, Tensor kernel, Tensor? bias)
    {
        map = ChannelsLast.Of(map);
        var call = new Call(map.requires_grad, kernel.requires_grad, bias is not null, bias?.requires_grad == true);
        if (is_grad_enabled() && (call.WantsMap || call.WantsKernel || call.WantsBias)) return apply([call, .. new[] { map, kernel, bias }.OfType<Tensor>()]);
        return Compute(map, kernel, bias);
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var call = (Call)vars[0];
        (Tensor map, Tensor kernel) = ((Tensor)vars[1], (Tensor)vars[2]);
        ctx.save_data(Key, call);
        ctx.save_for_backward([map, kernel]);
        return Compute(map, kernel, call.HasBias ? (Tensor)vars[3] : null);
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        var call = (Call)ctx.get_data(Key);
        List<Tensor> saved = ctx.get_saved_variables();
        using var timing = OwnTime.Measure();
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        (Tensor map, Tensor kernel, Tensor gradient) = (saved[0], saved[1].detach().contiguous(), ChannelsLast.Of(grad_output));
        (WindowMatrix windows, int filters, bool points) = (Windows(map), (int)kernel.shape[0], kernel.shape[2] == 1);
        int columns = points ? windows.Channels : windows.Columns;
        float* of = TensorMemory.Pixels(gradient);
        Tensor? ofMap = call.WantsMap ? ChannelsLast.Empty(map.shape[0], map.shape[1], map.shape[2], map.shape[3]) : null;
        Tensor? ofKernel = call.WantsKernel ? empty(kernel.shape, float32) : null, ofBias = call.WantsBias ? gradient.sum([0, 2, 3]) : null;
        Tensor? matrix = points || (ofMap is null && ofKernel is null) ? null : empty([windows.Rows, columns], float32);
        if (ofKernel is not null)
        {
            float* right = matrix is null ? TensorMemory.Pixels(map) : TensorMemory.Numbers(matrix);
            if (matrix is not null) windows.Spread(TensorMemory.Pixels(map), right);
            MatrixProduct.TurnedTimes(of, right, TensorMemory.Numbers(ofKernel), filters, windows.Rows, columns);
        }

        if (ofMap is not null)
        {
            float* to = TensorMemory.Pixels(ofMap), result = matrix is null ? to : TensorMemory.Numbers(matrix);
            MatrixProduct.Times(of, TensorMemory.Numbers(kernel), columns, result, windows.Rows, filters, columns);
            if (matrix is not null) windows.Collect(result, to);
        }

        foreach (Tensor? used in new[] { map, kernel, gradient, matrix }) GC.KeepAlive(used);
        return [null!, ofMap?.MoveToOuterDisposeScope()!, ofKernel?.MoveToOuterDisposeScope()!, .. call.HasBias ? [ofBias?.MoveToOuterDisposeScope()!] : Array.Empty<Tensor>()];
    }

    private static Tensor Compute(Tensor map, Tensor kernel, Tensor? bias)
    {
        using var timing = OwnTime.Measure();
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        (WindowMatrix windows, int filters, bool points) = (Windows(map), (int)kernel.shape[0], kernel.shape[2] == 1);
        int columns = points ? windows.Channels : windows.Columns;
        Tensor plain = kernel.detach().contiguous(), result = ChannelsLast.Empty(map.shape[0], filters, map.shape[2], map.shape[3]);
        Tensor? shift = bias?.detach().contiguous(), matrix = points ? null : empty([windows.Rows, columns], float32);
        float* left = TensorMemory.Pixels(map);
        if (matrix is not null)
        {
            windows.Spread(left, TensorMemory.Numbers(matrix));
            left = TensorMemory.Numbers(matrix);
        }

        MatrixProduct.TimesTurned(left, TensorMemory.Numbers(plain), columns, shift is null ? null : TensorMemory.Numbers(shift), TensorMemory.Pixels(result), windows.Rows, columns, filters);
        foreach (Tensor? used in new[] { map, plain, shift, matrix }) GC.KeepAlive(used);
        return result.MoveToOuterDisposeScope();
    }

    private static WindowMatrix Windows(Tensor map) => new((int)map.shape[0], (int)map.shape[1], (int)map.shape[2], (int)map.shape[3]);

    /// <summary>What a convolution gets, and of what gradients are wanted.</summary>
    private sealed record Call(bool WantsMap, bool WantsKernel, bool HasBias, bool WantsBias);
}
