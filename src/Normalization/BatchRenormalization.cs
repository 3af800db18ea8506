using UnetResnet.Runtime;

namespace UnetResnet.Normalization;

/// <summary>
/// Limits of batch renormalisation (Ioffe 2017): training normalises by the batch and corrects towards the running statistics, x̂·r + d with r = σ_batch / σ_running
/// and d = (μ_batch − μ_running) / σ_running, both clipped. Within the limits training computes what inference computes, while gradients still flow through the
/// statistics of the batch. With r = 1 and d = 0 it is plain batch norm.
/// </summary>
/// <remarks>The paper starts with <see cref="PlainBatchNorm"/> and widens the limits while the running statistics settle. Keras 3 has it as <c>renorm=True</c>.</remarks>
public sealed record BatchRenormalization
{
    private readonly double rMax = 3;
    private readonly double dMax = 5;

    /// <summary>r = 1 and d = 0.</summary>
    public static BatchRenormalization PlainBatchNorm { get; } = new() { RMax = 1, DMax = 0 };

    /// <summary>No limits: training computes exactly what inference computes.</summary>
    public static BatchRenormalization Unlimited { get; } = new() { RMax = double.PositiveInfinity, DMax = double.PositiveInfinity };

    /// <summary>r stays between 1 / RMax and RMax; at least 1. The paper ends at 3.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Below 1.</exception>
    public double RMax
    {
        get => rMax;
        init => rMax = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(RMax), value, "RMax must be at least 1, which is plain batch norm; the paper ends at 3.");
    }

    /// <summary>d stays between −DMax and DMax; at least 0. The paper ends at 5.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Below 0.</exception>
    public double DMax
    {
        get => dMax;
        init => dMax = value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(DMax), value, "DMax must be at least 0, which is plain batch norm; the paper ends at 5.");
    }

    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}
