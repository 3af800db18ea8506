using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Normalization;

/// <summary>A copy of the running statistics of a module's batch-norm layers: to go back to, and to blend with.</summary>
public sealed class RunningStatistics : IDisposable
{
    private readonly List<(StatisticsLayer Layer, Tensor Mean, Tensor Variance)> copies;

    /// <summary>Copies the statistics of every <see cref="ModalBatchNorm2d"/> in the module, and of TorchSharp's own batch-norm layers.</summary>
    /// <param name="module">The module; not changed.</param>
    /// <exception cref="ArgumentException">There is no such layer.</exception>
    public RunningStatistics(Module module)
    {
        copies = [.. StatisticsLayer.In(module).Select(layer => (layer, Copy(layer.Mean), Copy(layer.Variance)))];
        if (copies.Count == 0) throw StatisticsLayer.Missing(nameof(module));
    }

    /// <summary>Puts the copied statistics back into their layers, byte for byte. Can be called more than once.</summary>
    public void Restore() => Mix(1);

    /// <summary>
    /// Leaves every layer with a mixture of the copied statistics and those that it has now (Schneider et al. 2020, "Improving robustness against common corruptions
    /// by covariate shift adaptation"): μ = (N·μ_copied + n·μ_now) / (N + n), and σ² likewise.
    /// </summary>
    /// <param name="pseudoCount">N: how many images the copied statistics are worth, 0 or more. 0 leaves the present ones, infinity puts the copied ones back.</param>
    /// <param name="images">n: how many images the present statistics were counted on, at least 1.</param>
    public void BlendWithPresent(double pseudoCount, long images)
    {
        if (!(pseudoCount >= 0)) throw new ArgumentOutOfRangeException(nameof(pseudoCount), pseudoCount, "The pseudo-count must be 0 (only the new statistics) or more; infinity keeps only the old ones.");
        ArgumentOutOfRangeException.ThrowIfLessThan(images, 1);
        Mix(double.IsPositiveInfinity(pseudoCount) ? 1 : pseudoCount / (pseudoCount + images));
    }

    /// <summary>Frees the copies; the layers keep what they have.</summary>
    public void Dispose()
    {
        foreach ((_, Tensor mean, Tensor variance) in copies)
        {
            mean.Dispose();
            variance.Dispose();
        }
    }

    private void Mix(double weightOfCopy)
    {
        using var noGrad = no_grad();
        foreach ((StatisticsLayer layer, Tensor mean, Tensor variance) in copies)
        {
            using var scope = NewDisposeScope();
            // In double: a weight of exactly 0 or 1 then leaves every byte.
            foreach ((Tensor present, Tensor copy) in new[] { (layer.Mean, mean), (layer.Variance, variance) })
                present.copy_(weightOfCopy == 1 ? copy : copy.to(float64) * weightOfCopy + present.to(float64) * (1 - weightOfCopy));
        }
    }

    private static Tensor Copy(Tensor source) => source.clone().DetachFromDisposeScope();
}
