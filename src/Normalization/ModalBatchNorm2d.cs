using TorchSharp.Modules;
using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Normalization;

/// <summary>
/// Batch normalisation over (N, C, H, W) whose behaviour is a <see cref="BatchNormMode"/>: every way in which Keras and PyTorch have treated a frozen
/// layer, switchable at run time. Freezing by mode survives <c>train()</c>, because the mode is asked at every call and <c>train()</c> never changes it.
/// </summary>
/// <remarks>
/// State keys are PyTorch's: <c>weight</c> (γ), <c>bias</c> (β), <c>running_mean</c>, <c>running_var</c>. The accumulators of
/// <see cref="BatchNormOptions.ZeroDebias"/> are no part of the state, as in Keras, where they are lost when weights are saved.
/// </remarks>
public sealed class ModalBatchNorm2d : Module<Tensor, Tensor>
{
#pragma warning disable IDE1006 // Field names are the state keys of PyTorch's BatchNorm2d.
    private readonly Parameter weight;
    private readonly Parameter bias;
    private readonly Tensor running_mean;
    private readonly Tensor running_var;
#pragma warning restore IDE1006
    private readonly ZeroDebiasedAverage debiasedMean = new();
    private readonly ZeroDebiasedAverage debiasedVar = new();
    private BatchNormMode mode;

    [ThreadStatic]
    private static bool again;

    /// <summary>Creates a layer with γ = 1, β = 0, running mean 0 and running variance 1.</summary>
    /// <param name="channels">Number of channels C, at least 1.</param>
    /// <param name="options">ε, momentum and their history; null for Keras 2.1.3's.</param>
    /// <param name="mode">What the layer does.</param>
    public ModalBatchNorm2d(long channels, BatchNormOptions? options = null, BatchNormMode mode = BatchNormMode.Trainable)
        : base(TorchRuntime.Loaded(nameof(ModalBatchNorm2d)))
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(channels, 1);
        Options = options ?? BatchNormOptions.Keras213;
        weight = Parameter(ones(channels));
        bias = Parameter(zeros(channels));
        running_mean = zeros(channels);
        running_var = ones(channels);
        // The layer owns its tensors, whatever scope it is made in.
        foreach (Tensor owned in new[] { weight, bias, running_mean, running_var }) owned.DetachFromDisposeScope();
        RegisterComponents();
        Mode = mode;
    }

    /// <summary>ε, momentum and how running statistics move. May be exchanged at any time.</summary>
    public BatchNormOptions Options { get; set; }

    /// <summary>What the layer does. Setting it also sets whether γ and β receive gradients.</summary>
    public BatchNormMode Mode
    {
        get => mode;
        set
        {
            bool trains = value.TrainsAffine();
            mode = value;
            weight.requires_grad_(trains);
            bias.requires_grad_(trains);
        }
    }

    /// <summary>What computes in the layer's place ("folded", "GroupNorm(8)"), or null for batch norm. Such a layer has no mode that matters and is left alone by what looks for batch-norm layers.</summary>
    public string? ReplacedBy => Replacement?.Name;

    /// <summary>What computes in the layer's place, or null for batch norm.</summary>
    internal NormReplacement? Replacement { get; set; }

    /// <summary>Counts what arrives at the layer, or null. It belongs to whoever counts.</summary>
    internal PooledStatistics? Counter { get; set; }

    /// <summary>Sees what arrives at the layer, or null. It belongs to whoever watches.</summary>
    internal Action<Tensor>? Watcher { get; set; }

    /// <summary>γ, shape (C). Owned by the layer.</summary>
    public Parameter Weight => weight;

    /// <summary>β, shape (C). Owned by the layer.</summary>
    public Parameter Bias => bias;

    /// <summary>Running mean, shape (C). Owned by the layer; write to it with <c>copy_</c> under <c>no_grad</c>.</summary>
    public Tensor RunningMean => running_mean;

    /// <summary>Running variance, shape (C). Owned by the layer; write to it with <c>copy_</c> under <c>no_grad</c>.</summary>
    public Tensor RunningVar => running_var;

    /// <summary>Number of channels C.</summary>
    public long Channels => weight.shape[0];

    /// <summary>Normalises.</summary>
    /// <param name="input">(N, C, H, W).</param>
    /// <returns>(N, C, H, W), owned by the caller.</returns>
    /// <exception cref="ArgumentException">Wrong shape, or batch statistics of a single value per channel, which have no variance.</exception>
    public override Tensor forward(Tensor input)
    {
        if (input.dim() != 4 || input.shape[1] != Channels)
            throw new ArgumentException($"ModalBatchNorm2d expects (N, {Channels}, H, W) and got ({string.Join(", ", input.shape)}).", nameof(input));

        Watcher?.Invoke(input);
        if (Replacement is { } replacement) return replacement.Apply(new ModalLayer("", this), input);

        if (!Mode.UsesBatchStatistics(training))
        {
            Counter?.Add(input);
            return functional.batch_norm(input, running_mean, running_var, weight, bias, training: false, momentum: 0, eps: Options.Eps);
        }

        long count = input.shape[0] * input.shape[2] * input.shape[3];
        if (count < 2)
            throw new ArgumentException(
                $"Batch statistics of one value per channel have no variance: the input is ({string.Join(", ", input.shape)}). Use more images per batch, larger images, or BatchNormMode.Inference.", nameof(input));

        using var scope = NewDisposeScope();
        (Tensor gamma, Tensor beta) = Corrects ? Corrected(input, Options.Renormalization!) : (weight, bias);
        if (!Moves && Counter is null)
            return functional.batch_norm(input, null!, null!, gamma, beta, training: true, momentum: 0, eps: Options.Eps).MoveToOuterDisposeScope();

        // With momentum 1 the kernel leaves this batch's mean and unbiased variance in the buffers it is given: statistics without a second pass.
        Tensor mean = zeros_like(running_mean), variance = zeros_like(running_var);
        Tensor output = functional.batch_norm(input, mean, variance, gamma, beta, training: true, momentum: 1, eps: Options.Eps);
        Counter?.Add(mean, variance, count);
        if (Moves) Update(mean, variance, count);
        return output.MoveToOuterDisposeScope();
    }

    /// <summary>Normalises a large map by the batch together with the sum and the ReLU that follow, see <see cref="NormalizedActivation"/>.</summary>
    /// <param name="input">(N, C, H, W).</param>
    /// <param name="relu">Whether negative results become 0.</param>
    /// <param name="onto">What the result is added to, of the same shape; or null.</param>
    /// <returns>Owned by the caller's dispose scope; null where the layer, or the memory, does not suit.</returns>
    internal Tensor? Activated(Tensor input, bool relu, Tensor? onto = null) =>
        Statistics(input, onto) is { } statistics ? NormalizedActivation.Apply(input, weight, bias, statistics, Options.Eps, relu, onto) : null;

    /// <summary>Normalises a large map by the batch together with the ReLU, the dropout and the 1×1 convolution to one channel that follow, see <see cref="NormalizedProjection"/>.</summary>
    /// <param name="input">(N, C, H, W).</param>
    /// <param name="kept">Gives what dropout multiplies each channel of each image by, (N, C, 1, 1); called only if the layer suits.</param>
    /// <param name="kernel">(1, C, 1, 1).</param>
    /// <param name="shift">(1).</param>
    /// <returns>(N, 1, H, W), owned by the caller's dispose scope; null where the layer, or the memory, does not suit.</returns>
    internal Tensor? Projected(Tensor input, Func<Tensor> kept, Tensor kernel, Tensor shift) =>
        Statistics(input, onto: null) is { } statistics ? NormalizedProjection.Apply(input, weight, bias, statistics, Options.Eps, kept(), kernel, shift) : null;

    /// <summary>
    /// The batch's statistics, by which <see cref="Activated"/> and <see cref="Projected"/> normalise; whoever moves, counts or watches has seen the map then. Null where the layer, or the memory, does not
    /// suit them; nothing has been changed then.
    /// </summary>
    private (double[] Mean, double[] Variance)? Statistics(Tensor input, Tensor? onto)
    {
        if (Replacement is not null || !Mode.UsesBatchStatistics(training) || Corrects || weight.dtype != ScalarType.Float32) return null;
        long count;
        double[] sums;
        using (no_grad())
        {
            using ChannelMap? map = ChannelMap.Of(input), sum = onto is null ? null : ChannelMap.Of(onto);
            if (map is null || (onto is not null && sum is null) || input.shape[1] != Channels || map.Count(1) * Channels < NormalizedActivation.LeastValues) return null;
            Watcher?.Invoke(input);
            (count, sums) = (map.Count(1), map.Sums(groups: 1)[0]);
        }

        Counter?.Add(sums, count);
        (double[] Mean, double[] Variance) statistics = ChannelMap.Moments(sums, count);
        if (Moves)
        {
            using Tensor batchMean = tensor(statistics.Mean, ScalarType.Float32), unbiased = tensor(statistics.Variance, ScalarType.Float32).mul_((double)count / (count - 1));
            Update(batchMean, unbiased, count);
        }

        return statistics;
    }

    /// <summary>
    /// Normalises by the batch without gradients, and with the sum and the ReLU that follow: two sweeps over the memory, in which the statistics are by-products, and no map is
    /// allocated.
    /// </summary>
    /// <param name="input">(N, C, H, W); its memory takes the result where there is no sum.</param>
    /// <param name="relu">Whether negative results become 0.</param>
    /// <param name="onto">What the result is added to, and which takes it; or null.</param>
    /// <returns>False where the layer, or the memory, does not suit; nothing has been changed then.</returns>
    internal bool ApplyInPlace(Tensor input, bool relu, Tensor? onto)
    {
        if (Scaling() is not { } scaling) return false;
        using ChannelMap? map = ChannelMap.Of(input), sum = onto is null ? null : ChannelMap.Of(onto);
        if (map is null || (onto is not null && sum is null) || map.Count(1) < 2) return false;
        Watcher?.Invoke(input);
        map.Scale(scaling, relu, sum);
        return true;
    }

    /// <summary>What the layer does without gradients, as a scale and a shift of each channel; null where it is more than that, or fixed. What arrives is counted.</summary>
    internal ChannelScaling? Scaling()
    {
        if (is_grad_enabled() || (training && Mode != BatchNormMode.BatchOnly && (Options.Renormalization is not null || Mode.UpdatesStatistics()))) return null;
        if (weight.dtype != ScalarType.Float32) return null;
        if (Replacement is not null) return Replacement.Scaling(new ModalLayer("", this));
        return !Mode.UsesBatchStatistics(training) ? null : new ChannelScaling(Groups: 1, NeedsSums: true, (sums, count) =>
        {
            Counter?.Add(sums, count);
            return [ChannelMap.Normalizing(sums, count, weight, bias, Options.Eps)];
        });
    }

    /// <summary>Whether batch statistics are corrected towards the running ones.</summary>
    private bool Corrects => Options.Renormalization is not null && training && Mode != BatchNormMode.BatchOnly;

    /// <summary>Whether a forward pass with batch statistics moves the running ones.</summary>
    private bool Moves => training && Mode.UpdatesStatistics() && !again;

    /// <summary>
    /// γ·r and γ·d + β: batch renormalisation as other numbers for the same kernel, γ·(x̂·r + d) + β. No gradient flows through r and d (Ioffe 2017, algorithm 1).
    /// </summary>
    private (Tensor Gamma, Tensor Beta) Corrected(Tensor input, BatchRenormalization limits)
    {
        Tensor r, d;
        using (no_grad())
        {
            (Tensor variance, Tensor mean) = var_mean(input.detach(), [0, 2, 3], unbiased: false);
            Tensor running = (running_var + Options.Eps).sqrt();
            r = ((variance + Options.Eps).sqrt() / running).clamp(1 / limits.RMax, limits.RMax);
            d = ((mean - running_mean) / running).clamp(-limits.DMax, limits.DMax);
        }

        return (weight * r, weight * d + bias);
    }

    /// <summary>Moves the running statistics towards those of a batch of <paramref name="count"/> values per channel.</summary>
    private void Update(Tensor mean, Tensor unbiasedVariance, long count)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        double n = count;
        double correction = Options.MovingVariance switch
        {
            VarianceEstimator.Biased => (n - 1) / n,
            VarianceEstimator.Unbiased => 1,
            VarianceEstimator.KerasTwiceCorrected => n / (n - 1.001),
            _ => throw new InvalidOperationException($"Unknown variance estimator {Options.MovingVariance}."),
        };
        // Not in place: autograd has saved the tensor that the kernel wrote to.
        Tensor movingVariance = unbiasedVariance * correction;
        if (Options.ZeroDebias)
        {
            debiasedMean.Update(mean, Options.Momentum, running_mean);
            debiasedVar.Update(movingVariance, Options.Momentum, running_var);
        }
        else
        {
            running_mean.mul_(1 - Options.Momentum).add_(mean, alpha: Options.Momentum);
            running_var.mul_(1 - Options.Momentum).add_(movingVariance, alpha: Options.Momentum);
        }
    }

    /// <summary>Until the result is disposed, forward passes on this thread are repetitions, which move no running statistics.</summary>
    internal static IDisposable Again()
    {
        var before = new Before(again);
        again = true;
        return before;
    }

    private sealed class Before(bool value) : IDisposable
    {
        public void Dispose() => again = value;
    }

    /// <summary>Running mean 0, running variance 1, averages from the start.</summary>
    internal void ResetStatistics()
    {
        using var noGrad = no_grad();
        running_mean.fill_(0);
        running_var.fill_(1);
        debiasedMean.Reset();
        debiasedVar.Reset();
    }

    /// <summary>The zero-debiased averages of mean and variance, which are no part of the state, by name.</summary>
    internal IReadOnlyList<(string Name, ZeroDebiasedAverage Average)> Averages => [("mean", debiasedMean), ("variance", debiasedVar)];

    /// <summary>Takes a copy of the zero-debiased accumulators, which are no part of the state; calling the result puts them back.</summary>
    internal Action RememberAverages()
    {
        (Action mean, Action variance) = (debiasedMean.Remember(), debiasedVar.Remember());
        return mean + variance;
    }

    /// <summary>Frees what the layer's base, which frees parameters and buffers, knows nothing of.</summary>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            debiasedMean.Dispose();
            debiasedVar.Dispose();
        }

        base.Dispose(disposing);
    }
}
