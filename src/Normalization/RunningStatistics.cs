using System.Runtime.CompilerServices;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Normalization;

/// <summary>A copy of the running statistics of batch-norm layers: to go back to, and to blend with.</summary>
internal sealed class RunningStatistics(IEnumerable<BatchNormLayer> layers) : IDisposable
{
    private readonly List<(BatchNormLayer Layer, Tensor Mean, Tensor Variance)> copies = [.. layers.Select(layer => (layer, Copy(layer.RunningMean), Copy(layer.RunningVar)))];

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
        if (pseudoCount > 0) Mix(double.IsPositiveInfinity(pseudoCount) ? 1 : pseudoCount / (pseudoCount + images));
    }

    /// <summary>Hands each layer's copy to a table, or frees it where the table has an older one.</summary>
    public void KeepIn(ConditionalWeakTable<Module, RunningStatistics> table)
    {
        foreach (var copy in copies)
        {
            var one = new RunningStatistics([]);
            one.copies.Add(copy);
            if (!table.TryAdd(copy.Layer.Module, one)) one.Dispose();
        }

        copies.Clear();
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
        foreach ((BatchNormLayer layer, Tensor mean, Tensor variance) in copies)
        {
            using var scope = NewDisposeScope();
            // In double: a weight of exactly 0 or 1 then leaves every byte.
            foreach ((Tensor present, Tensor copy) in new[] { (layer.RunningMean, mean), (layer.RunningVar, variance) })
                present.copy_(weightOfCopy == 1 ? copy : copy.to(float64) * weightOfCopy + present.to(float64) * (1 - weightOfCopy));
        }
    }

    private static Tensor Copy(Tensor source)
    {
        using Tensor detached = source.detach();
        return detached.clone().DetachFromDisposeScope();
    }
}
