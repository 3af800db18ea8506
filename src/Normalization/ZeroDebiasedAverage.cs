using static TorchSharp.torch;

namespace UnetResnet.Normalization;

/// <summary>
/// TensorFlow's zero-debiased moving average: an accumulator that starts at zero, a ← (1 − m)·a + m·x, read as a / (1 − (1 − m)^t).
/// Source: tensorflow <c>moving_averages.py</c>, <c>assign_moving_average(zero_debias=True)</c>.
/// </summary>
internal sealed class ZeroDebiasedAverage : IDisposable
{
    private Tensor? accumulator;
    private long steps;

    /// <summary>Takes in <paramref name="value"/> with weight <paramref name="momentum"/> and writes the average into <paramref name="target"/>.</summary>
    internal void Update(Tensor value, double momentum, Tensor target)
    {
        if (accumulator is null || accumulator.device != value.device)
        {
            Tensor fresh = accumulator is null ? zeros_like(value) : accumulator.to(value.device);
            accumulator?.Dispose();
            accumulator = fresh.DetachFromDisposeScope();
        }

        steps++;
        accumulator.mul_(1 - momentum).add_(value, alpha: momentum);
        target.copy_(accumulator).div_(1 - Math.Pow(1 - momentum, steps));
    }

    public void Dispose() => accumulator?.Dispose();
}
