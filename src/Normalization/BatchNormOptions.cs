using UnetResnet.Runtime;

namespace UnetResnet.Normalization;

/// <summary>The numbers of a batch-normalisation layer that differ between frameworks and versions.</summary>
/// <remarks>The presets carry the history; vary one of them with <c>with</c>.</remarks>
public sealed record BatchNormOptions
{
    private readonly double eps = 1e-3;
    private readonly double momentum = 0.01;
    private readonly VarianceEstimator movingVariance = VarianceEstimator.Unbiased;

    /// <summary>Keras 1.2 to 2.1.2: ε 1e-3, plain moving average with 0.99.</summary>
    public static BatchNormOptions Keras212 { get; } = new();

    /// <summary>Keras 2.1.3: the moving averages are zero-debiased (keras commit 3ce40705), so the first step replaces pre-trained statistics.</summary>
    public static BatchNormOptions Keras213 { get; } = new() { ZeroDebias = true };

    /// <summary>Keras 2.1.4 to 2.2.5: zero-debiased and Bessel's correction applied twice.</summary>
    public static BatchNormOptions Keras214 { get; } = new() { ZeroDebias = true, MovingVariance = VarianceEstimator.KerasTwiceCorrected };

    /// <summary>Keras 2.3.0 and 2.3.1: a plain moving average again, Bessel's correction still twice.</summary>
    public static BatchNormOptions Keras230 { get; } = new() { MovingVariance = VarianceEstimator.KerasTwiceCorrected };

    /// <summary>Keras 3: plain moving average of the biased variance.</summary>
    public static BatchNormOptions Keras3 { get; } = new() { MovingVariance = VarianceEstimator.Biased };

    /// <summary>PyTorch and TorchSharp: ε 1e-5, momentum 0.1, unbiased running variance.</summary>
    public static BatchNormOptions Torch { get; } = new() { Eps = 1e-5, Momentum = 0.1 };

    /// <summary>Added to the variance before the root; above 0. Keras 1e-3, PyTorch 1e-5.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a number above 0.</exception>
    public double Eps
    {
        get => eps;
        init => eps = value > 0 && double.IsFinite(value) ? value : throw new ArgumentOutOfRangeException(nameof(Eps), value, "Eps must be above 0 (Keras 1e-3, PyTorch 1e-5).");
    }

    /// <summary>
    /// Weight of the <em>new</em> value in the running statistics, PyTorch's convention: 0 to 1. Keras's <c>momentum = 0.99</c> is the weight of the
    /// old value, 0.01 here.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Not between 0 and 1.</exception>
    public double Momentum
    {
        get => momentum;
        init => momentum = value is >= 0 and <= 1 ? value : throw new ArgumentOutOfRangeException(nameof(Momentum), value, "Momentum is the weight of the new value, 0 to 1 (Keras's 0.99 is 0.01 here).");
    }

    /// <summary>
    /// Whether running statistics are zero-debiased as by TensorFlow's <c>assign_moving_average(zero_debias=True)</c>: an accumulator a starts at 0,
    /// a ← (1 − m)·a + m·x, and the running value becomes a / (1 − (1 − m)^t) after t updates. Whatever stood there before is forgotten at once.
    /// </summary>
    public bool ZeroDebias { get; init; }

    /// <summary>Which estimate of the batch's variance the running variance averages.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such estimator.</exception>
    public VarianceEstimator MovingVariance
    {
        get => movingVariance;
        init => movingVariance = Enum.IsDefined(value)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(MovingVariance), value, $"Unknown variance estimator. Known: {string.Join(", ", Enum.GetNames<VarianceEstimator>())}.");
    }

    /// <summary>Batch renormalisation in place of plain batch statistics in training, or null (default), see <see cref="BatchRenormalization"/>. Has no effect on <see cref="BatchNormMode.BatchOnly"/>.</summary>
    public BatchRenormalization? Renormalization { get; init; }

    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}
