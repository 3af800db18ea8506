using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Normalization;

/// <summary>
/// Batch norm with the batch's statistics, ReLU, dropout of whole channels and a 1×1 convolution to one channel as one operation with gradients. What lies between is never written to
/// memory, and neither is its gradient, which is that of a pixel times the weight of a channel.
/// </summary>
internal sealed class NormalizedProjection : autograd.SingleTensorFunction<NormalizedProjection>
{
    private const string Key = "call";

    /// <inheritdoc/>
    public override string Name => nameof(NormalizedProjection);

    /// <summary>Σ relu((x − μ)/σ·γ + β)·kept·w over the channels of each pixel, plus b.</summary>
    /// <param name="x">(N, C, H, W), a map that <see cref="ChannelMap"/> takes.</param>
    /// <param name="weight">γ, (C).</param>
    /// <param name="bias">β, (C).</param>
    /// <param name="statistics">μ and the biased variance of each channel of x.</param>
    /// <param name="eps">What is added to the variance.</param>
    /// <param name="kept">What dropout multiplies each channel of each image by, (N, C, 1, 1), float32.</param>
    /// <param name="kernel">w, (1, C, 1, 1), float32.</param>
    /// <param name="shift">b, (1), float32.</param>
    /// <returns>(N, 1, H, W), owned by the caller's dispose scope.</returns>
    internal static Tensor Apply(Tensor x, Tensor weight, Tensor bias, (double[] Mean, double[] Variance) statistics, double eps, Tensor kept, Tensor kernel, Tensor shift)
    {
        (ChannelGradient numbers, double[] inverse) = ChannelGradient.Of(statistics, weight, bias, eps);
        float[] factors = kept.Values<float>(), weights = kernel.Values<float>();
        var call = new Call(numbers, inverse, [.. factors.Chunk(weights.Length)], [.. factors.Chunk(weights.Length).Select(image => image.Zip(weights, (factor, w) => factor * w).ToArray())]);
        return is_grad_enabled() ? apply([call, x, weight, bias, kernel, shift]) : Compute(call, x, shift);
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var call = (Call)vars[0];
        Tensor[] tensors = [.. vars.Skip(1).Cast<Tensor>()];
        ctx.save_data(Key, call);
        ctx.save_for_backward([.. tensors]);
        return Compute(call, tensors[0], tensors[4]);
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        var call = (Call)ctx.get_data(Key);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        List<Tensor> saved = ctx.get_saved_variables();
        (Tensor x, Tensor weight, Tensor bias, Tensor kernel, Tensor shift) = (saved[0], saved[1], saved[2], saved[3], saved[4]);
        Tensor gradient = grad_output.contiguous();
        using ChannelMap values = ChannelMap.Of(x)!;
        double[][] sums = values.ProjectedGradientSums(gradient, call.Numbers);
        int channels = call.Inverse.Length;
        float[] beta = bias.Values<float>();
        (double[] ofWeight, double[] ofBias, double[] ofKernel) = (new double[channels], new double[channels], new double[channels]);
        for (int image = 0; image < sums.Length; image++)
        {
            for (int c = 0; c < channels; c++)
            {
                // Σ g and Σ g·x̂; relu(x̂·γ + β) = (x − μ)·γ/σ + β where it is not 0.
                (double g, double centred, double w) = (sums[image][c], sums[image][channels + c], call.Weights[image][c]);
                ofBias[c] += w * g;
                ofWeight[c] += w * centred * call.Inverse[c];
                ofKernel[c] += call.Kept[image][c] * (centred * call.Numbers.Scale[c] + g * beta[c]);
            }
        }

        Tensor? ofX = null;
        if (x.requires_grad)
        {
            ofX = ChannelsLast.Empty(x.shape[0], x.shape[1], x.shape[2], x.shape[3]);
            using ChannelMap to = ChannelMap.Of(ofX)!;
            values.ProjectedGradientTo(gradient, call.Numbers.Through(call.Inverse, ofWeight, ofBias, values.Count(1)), call.Weights, to);
        }

        return [null!, ofX?.MoveToOuterDisposeScope()!, Wanted(weight, ofWeight)!, Wanted(bias, ofBias)!, Wanted(kernel, ofKernel)!, shift.requires_grad ? gradient.sum().view(1).MoveToOuterDisposeScope() : null!];
    }

    private static Tensor Compute(Call call, Tensor x, Tensor shift)
    {
        Tensor y = empty([x.shape[0], 1, x.shape[2], x.shape[3]], float32);
        using ChannelMap from = ChannelMap.Of(x)!;
        from.ProjectTo(call.Numbers, call.Weights, shift.item<float>(), y);
        return y;
    }

    private static Tensor? Wanted(Tensor parameter, double[] gradient) =>
        parameter.requires_grad ? tensor(gradient.Select(one => (float)one).ToArray()).view(parameter.shape).MoveToOuterDisposeScope() : null;

    /// <summary>What an operation is computed with.</summary>
    /// <param name="Numbers">Of each channel.</param>
    /// <param name="Inverse">1/σ of each channel.</param>
    /// <param name="Kept">What dropout multiplies each image's channels by.</param>
    /// <param name="Weights">The kernel times that.</param>
    private sealed record Call(ChannelGradient Numbers, double[] Inverse, float[][] Kept, float[][] Weights);
}
