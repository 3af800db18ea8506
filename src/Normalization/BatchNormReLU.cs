using System.Runtime.Intrinsics.X86;
using TorchSharp;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Normalization;

/// <summary>
/// relu(batch norm(x) + other map) by the statistics of the batch, in two passes over the memory of a map, and two in the backward pass. As operations of libtorch they are five and
/// seven: mean, variance, normalisation, sum, ReLU, and back.
/// </summary>
internal sealed unsafe class BatchNormReLU : autograd.SingleTensorFunction<BatchNormReLU>
{
    private const string Key = "call";

    /// <inheritdoc/>
    public override string Name => nameof(BatchNormReLU);

    /// <summary>Whether this way is there for a map: on processors with AVX-512, float32, channels last and a multiple of 16 of them.</summary>
    internal static bool Suits(Tensor x) =>
        Avx512F.IsSupported && x.device_type == DeviceType.CPU && x.dtype == float32 && x.shape[1] % 16 == 0 && x.stride(1) == 1 && x.numel() > 0;

    /// <summary>Computes.</summary>
    /// <param name="x">(N, C, H, W), see <see cref="Suits"/>; at least two pixels.</param>
    /// <param name="weight">γ, (C).</param>
    /// <param name="bias">β, (C).</param>
    /// <param name="eps">ε.</param>
    /// <param name="other">Added before the ReLU, shaped as <paramref name="x"/>; or null.</param>
    /// <returns>The result, the means and the unbiased variances of the batch; owned by the caller's dispose scope.</returns>
    internal static (Tensor Result, Tensor Mean, Tensor Variance) Apply(Tensor x, Tensor weight, Tensor bias, double eps, Tensor? other)
    {
        x = ChannelsLast.Of(x);
        other = other is null ? null : ChannelsLast.Of(other);
        int channels = (int)x.shape[1];
        nint pixels = (nint)(x.numel() / channels);
        Tensor mean = empty(channels, float32), variance = empty(channels, float32), inverse = empty(channels, float32);
        Moments(TensorMemory.Pixels(x), channels, pixels, eps, TensorMemory.Numbers(mean), TensorMemory.Numbers(variance), TensorMemory.Numbers(inverse));
        var call = new Call(x.requires_grad, weight.requires_grad, bias.requires_grad, other is not null, other?.requires_grad == true);
        bool wanted = is_grad_enabled() && (call.WantsMap || call.WantsWeight || call.WantsBias || call.WantsOther);
        Tensor result = wanted ? apply([call, x, weight, bias, mean, inverse, .. new[] { other }.OfType<Tensor>()]) : Compute(x, weight, bias, mean, inverse, other);
        return (result, mean, variance);
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var call = (Call)vars[0];
        Tensor[] tensors = [.. vars.Skip(1).Cast<Tensor>()];
        ctx.save_data(Key, call);
        ctx.save_for_backward([.. tensors]);
        return Compute(tensors[0], tensors[1], tensors[2], tensors[3], tensors[4], tensors.ElementAtOrDefault(5));
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        var call = (Call)ctx.get_data(Key);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        Tensor[] tensors = [.. ctx.get_saved_variables()];
        (Tensor x, Tensor weight, Tensor bias, Tensor mean, Tensor inverse, Tensor? other) = (tensors[0], tensors[1], tensors[2], tensors[3], tensors[4], tensors.ElementAtOrDefault(5));
        int channels = (int)x.shape[1], workers = Workers.Count;
        nint pixels = (nint)(x.numel() / channels);
        Tensor given = ChannelsLast.Of(grad_output), scale = weight * inverse, shift = bias - mean * scale;
        Tensor? passed = other is null ? null : Like(x);
        Tensor sums = zeros([2, workers, channels], float64), gradient = Like(x);
        float* map = TensorMemory.Pixels(x), second = other is null ? null : TensorMemory.Pixels(other), g = TensorMemory.Pixels(given), to = TensorMemory.Pixels(gradient);
        float* masked = passed is null ? null : TensorMemory.Pixels(passed);
        float* scales = TensorMemory.Numbers(scale), shifts = TensorMemory.Numbers(shift), means = TensorMemory.Numbers(mean);
        double* totals = TensorMemory.DoubleNumbers(sums);
        Workers.Run(workers, worker =>
        {
            (nint begin, nint end) = Workers.Share(pixels, worker, workers);
            double* own = totals + worker * channels;
            ChannelSweeps.GradientSums(map, second, g, channels, begin, end, scales, shifts, means, own, own + workers * channels, masked);
        });
        Tensor both = sums.sum(1), ofBias = both[0], ofWeight = both[1] * inverse;
        if (call.WantsMap)
        {
            // γ/σ · (g − Σg/m − x̂·Σg·x̂/m) as a sum of g, x and a constant.
            Tensor slope = scale * inverse * ofWeight / -(double)pixels, constant = -scale * ofBias / (double)pixels - slope * mean;
            (slope, constant) = (slope.to(float32), constant.to(float32));
            float* slopes = TensorMemory.Numbers(slope), constants = TensorMemory.Numbers(constant), source = masked is null ? g : masked;
            Workers.Run(workers, worker =>
            {
                (nint begin, nint end) = Workers.Share(pixels, worker, workers);
                ChannelSweeps.Gradient(map, source, masked is not null, channels, begin, end, scales, shifts, scales, slopes, constants, to);
            });
        }

        GC.KeepAlive(grad_output);
        GC.KeepAlive(tensors);
        Tensor? ofMap = call.WantsMap ? gradient.MoveToOuterDisposeScope() : null, ofOther = call.WantsOther ? passed!.MoveToOuterDisposeScope() : null;
        Tensor? weights = call.WantsWeight ? ofWeight.to(float32).MoveToOuterDisposeScope() : null, biases = call.WantsBias ? ofBias.to(float32).MoveToOuterDisposeScope() : null;
        List<Tensor> gradients = [null!, ofMap!, weights!, biases!, null!, null!];
        if (call.HasOther) gradients.Add(ofOther!);
        return gradients;
    }

    private static Tensor Compute(Tensor x, Tensor weight, Tensor bias, Tensor mean, Tensor inverse, Tensor? other)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        int channels = (int)x.shape[1], workers = Workers.Count;
        nint pixels = (nint)(x.numel() / channels);
        Tensor scale = weight * inverse, shift = bias - mean * scale, result = Like(x);
        float* map = TensorMemory.Pixels(x), second = other is null ? null : TensorMemory.Pixels(other), to = TensorMemory.Pixels(result), scales = TensorMemory.Numbers(scale), shifts = TensorMemory.Numbers(shift);
        Workers.Run(workers, worker =>
        {
            (nint begin, nint end) = Workers.Share(pixels, worker, workers);
            ChannelSweeps.Activate(map, second, channels, begin, end, scales, shifts, to);
        });
        GC.KeepAlive(x);
        GC.KeepAlive(other);
        return result.MoveToOuterDisposeScope();
    }

    /// <summary>Means, unbiased variances and 1/√(σ² + ε) by the biased ones.</summary>
    private static void Moments(float* x, int channels, nint pixels, double eps, float* mean, float* variance, float* inverse)
    {
        int workers = Workers.Count;
        using Tensor memory = zeros([2, workers, channels], float64).DetachFromDisposeScope();
        double* sums = TensorMemory.DoubleNumbers(memory);
        // Differences from the first pixel: squares of large numbers that differ little would lose their digits.
        Workers.Run(workers, worker =>
        {
            (nint begin, nint end) = Workers.Share(pixels, worker, workers);
            double* own = sums + worker * channels;
            ChannelSweeps.Moments(x, channels, begin, end, x, own, own + workers * channels);
        });
        for (int c = 0; c < channels; c++)
        {
            double sum = 0, square = 0;
            for (int worker = 0; worker < workers; worker++)
            {
                sum += sums[worker * channels + c];
                square += sums[(workers + worker) * channels + c];
            }

            double difference = sum / pixels, deviations = Math.Max(0, square - sum * difference);
            mean[c] = (float)(x[c] + difference);
            variance[c] = (float)(deviations / (pixels - 1));
            inverse[c] = (float)(1 / Math.Sqrt(deviations / pixels + eps));
        }
    }

    private static Tensor Like(Tensor map)
    {
        using Tensor pixels = empty([map.shape[0], map.shape[2], map.shape[3], map.shape[1]], float32);
        return pixels.permute(0, 3, 1, 2);
    }

    /// <summary>Of what gradients are wanted.</summary>
    private sealed record Call(bool WantsMap, bool WantsWeight, bool WantsBias, bool HasOther, bool WantsOther);
}
