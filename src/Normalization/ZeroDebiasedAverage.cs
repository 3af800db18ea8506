using static TorchSharp.torch;

namespace UnetResnet.Normalization;

/// <summary>
/// TensorFlow's zero-debiased moving average: an accumulator that starts at zero, a ← (1 − m)·a + m·x, read as a / (1 − (1 − m)^t).
/// Source: tensorflow <c>moving_averages.py</c>, <c>assign_moving_average(zero_debias=True)</c>.
/// </summary>
internal sealed class ZeroDebiasedAverage : IDisposable
{
    private Tensor? accumulator;
    private double weights;

    /// <summary>Takes in <paramref name="value"/> with weight <paramref name="momentum"/> and writes the average into <paramref name="target"/>.</summary>
    internal void Update(Tensor value, double momentum, Tensor target)
    {
        if (accumulator is null || accumulator.device != value.device)
        {
            Tensor fresh = accumulator is null ? zeros_like(value) : accumulator.to(value.device);
            accumulator?.Dispose();
            accumulator = fresh.DetachFromDisposeScope();
        }

        // The sum of the weights is 1 − (1 − m)^t while m stays the same, and still right when it changes in between.
        weights = (1 - momentum) * weights + momentum;
        if (weights == 0) return;
        accumulator.mul_(1 - momentum).add_(value, alpha: momentum);
        target.copy_(accumulator).div_(weights);
    }

    /// <summary>The sum and the weights in it; null before the first update. The average's own tensor.</summary>
    internal (Tensor Sum, double Weights)? State => accumulator is null ? null : (accumulator, weights);

    /// <summary>Goes on from a saved <see cref="State"/>.</summary>
    /// <param name="sum">Copied; stays the caller's.</param>
    /// <param name="weightsInSum">The weights in it.</param>
    internal void Load(Tensor sum, double weightsInSum)
    {
        accumulator?.Dispose();
        (accumulator, weights) = (sum.clone().DetachFromDisposeScope(), weightsInSum);
    }

    /// <summary>Starts anew.</summary>
    internal void Reset()
    {
        accumulator?.Dispose();
        (accumulator, weights) = (null, 0);
    }

    /// <summary>Takes a copy of the present sum; calling the result puts it back and frees the copy.</summary>
    internal Action Remember()
    {
        (Tensor? copy, double sumOfWeights) = (accumulator?.clone().DetachFromDisposeScope(), weights);
        return () =>
        {
            accumulator?.Dispose();
            (accumulator, weights) = (copy, sumOfWeights);
        };
    }

    public void Dispose() => accumulator?.Dispose();
}
