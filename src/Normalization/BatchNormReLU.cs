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

    /// <summary>Rows of the numbers of a batch.</summary>
    private const int Mean = 0, Variance = 1, Inverse = 2, Scale = 3, Shift = 4;

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
        Tensor numbers = Numbers(x, weight, bias, eps);
        var call = new Call(x.requires_grad, weight.requires_grad, bias.requires_grad, other is not null, other?.requires_grad == true);
        bool wanted = is_grad_enabled() && (call.WantsMap || call.WantsWeight || call.WantsBias || call.WantsOther);
        Tensor result = wanted ? apply([call, x, weight, bias, numbers, .. new[] { other }.OfType<Tensor>()]) : Compute(x, numbers, other);
        return (result, numbers[Mean], numbers[Variance]);
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        (Tensor x, Tensor numbers, Tensor? other) = ((Tensor)vars[1], (Tensor)vars[4], (Tensor?)vars.ElementAtOrDefault(5));
        ctx.save_data(Key, vars[0]);
        ctx.save_for_backward(other is null ? [x, numbers] : [x, numbers, other]);
        return Compute(x, numbers, other);
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        var call = (Call)ctx.get_data(Key);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        List<Tensor> saved = ctx.get_saved_variables();
        (Tensor x, Tensor? other) = (saved[0], saved.ElementAtOrDefault(2));
        int channels = (int)x.shape[1], workers = Workers.For(x.numel());
        nint pixels = (nint)(x.numel() / channels);
        Tensor given = ChannelsLast.Of(grad_output), gradient = Like(x), ofWeight = empty(channels, float32), ofBias = empty(channels, float32);
        Tensor? passed = other is null ? null : Like(x);
        float* map = TensorMemory.Pixels(x), second = other is null ? null : TensorMemory.Pixels(other), g = TensorMemory.Pixels(given), to = TensorMemory.Pixels(gradient);
        float* masked = passed is null ? null : TensorMemory.Pixels(passed), start = TensorMemory.Numbers(saved[1]);
        float* means = start + Mean * channels, inverses = start + Inverse * channels, scales = start + Scale * channels, shifts = start + Shift * channels;
        var both = new double[2 * workers * channels];
        var factors = new float[2 * channels];
        fixed (double* sums = both)
        fixed (float* slopes = factors)
        {
            // A lambda cannot hold what is fixed.
            (nint totals, nint slope) = ((nint)sums, (nint)slopes);
            Workers.Run(workers, worker =>
            {
                (nint begin, nint end) = Workers.Share(pixels, worker, workers);
                double* own = (double*)totals + worker * channels;
                ChannelSweeps.GradientSums(map, second, g, channels, begin, end, scales, shifts, means, own, own + workers * channels, masked);
            });
            float* weights = TensorMemory.Numbers(ofWeight), biases = TensorMemory.Numbers(ofBias);
            for (int c = 0; c < channels; c++)
            {
                (double sum, double product) = Sums(both, workers, channels, c);
                (weights[c], biases[c]) = ((float)(product * inverses[c]), (float)sum);
                // γ/σ · (g − Σg/m − x̂·Σg·x̂/m) as a sum of g, x and a constant.
                double ofMap = -scales[c] * product * inverses[c] * inverses[c] / pixels;
                (slopes[c], slopes[channels + c]) = ((float)ofMap, (float)(-scales[c] * sum / pixels - ofMap * means[c]));
            }

            if (call.WantsMap)
            {
                Workers.Run(workers, worker =>
                {
                    (nint begin, nint end) = Workers.Share(pixels, worker, workers);
                    ChannelSweeps.Gradient(map, masked is null ? g : masked, masked is not null, channels, begin, end, scales, shifts, scales, (float*)slope, (float*)slope + channels, to);
                });
            }
        }

        GC.KeepAlive(grad_output);
        GC.KeepAlive(saved);
        List<Tensor> gradients = [null!, Kept(gradient, call.WantsMap)!, Kept(ofWeight, call.WantsWeight)!, Kept(ofBias, call.WantsBias)!, null!];
        if (call.HasOther) gradients.Add(Kept(passed!, call.WantsOther)!);
        return gradients;
    }

    private static Tensor? Kept(Tensor gradient, bool wanted) => wanted ? gradient.MoveToOuterDisposeScope() : null;

    private static Tensor Compute(Tensor x, Tensor numbers, Tensor? other)
    {
        int channels = (int)x.shape[1], workers = Workers.For(x.numel());
        nint pixels = (nint)(x.numel() / channels);
        Tensor result = Like(x);
        float* map = TensorMemory.Pixels(x), second = other is null ? null : TensorMemory.Pixels(other), to = TensorMemory.Pixels(result), start = TensorMemory.Numbers(numbers);
        Workers.Run(workers, worker =>
        {
            (nint begin, nint end) = Workers.Share(pixels, worker, workers);
            ChannelSweeps.Activate(map, second, channels, begin, end, start + Scale * channels, start + Shift * channels, to);
        });
        GC.KeepAlive(x);
        GC.KeepAlive(other);
        return result;
    }

    /// <summary>Of each channel: mean, unbiased variance, 1/√(σ² + ε) by the biased one, and the scale and shift that normalise.</summary>
    /// <returns>(5, C), owned by the caller's dispose scope.</returns>
    private static Tensor Numbers(Tensor x, Tensor weight, Tensor bias, double eps)
    {
        int channels = (int)x.shape[1], workers = Workers.For(x.numel());
        nint pixels = (nint)(x.numel() / channels);
        Tensor numbers = empty([5, channels], float32);
        float* map = TensorMemory.Pixels(x), to = TensorMemory.Numbers(numbers), gammas = TensorMemory.Numbers(weight), betas = TensorMemory.Numbers(bias);
        var both = new double[2 * workers * channels];
        fixed (double* sums = both)
        {
            // A lambda cannot hold what is fixed.
            nint totals = (nint)sums;
            // Differences from the first pixel: squares of large numbers that differ little would lose their digits.
            Workers.Run(workers, worker =>
            {
                (nint begin, nint end) = Workers.Share(pixels, worker, workers);
                double* own = (double*)totals + worker * channels;
                ChannelSweeps.Moments(map, channels, begin, end, map, own, own + workers * channels);
            });
        }

        for (int c = 0; c < channels; c++)
        {
            (double sum, double square) = Sums(both, workers, channels, c);
            double difference = sum / pixels, deviations = Math.Max(0, square - sum * difference), mean = map[c] + difference, inverse = 1 / Math.Sqrt(deviations / pixels + eps), scale = gammas[c] * inverse;
            to[Mean * channels + c] = (float)mean;
            to[Variance * channels + c] = (float)(deviations / (pixels - 1));
            to[Inverse * channels + c] = (float)inverse;
            to[Scale * channels + c] = (float)scale;
            to[Shift * channels + c] = (float)(betas[c] - mean * scale);
        }

        GC.KeepAlive(x);
        return numbers;
    }

    /// <summary>A channel's two sums over all workers.</summary>
    private static (double First, double Second) Sums(double[] both, int workers, int channels, int channel)
    {
        (double first, double second) = (0, 0);
        for (int worker = 0; worker < workers; worker++)
        {
            first += both[worker * channels + channel];
            second += both[(workers + worker) * channels + channel];
        }

        return (first, second);
    }

    private static Tensor Like(Tensor map)
    {
        using Tensor pixels = empty([map.shape[0], map.shape[2], map.shape[3], map.shape[1]], float32);
        return pixels.permute(0, 3, 1, 2);
    }

    /// <summary>Of what gradients are wanted.</summary>
    private sealed record Call(bool WantsMap, bool WantsWeight, bool WantsBias, bool HasOther, bool WantsOther);
}
