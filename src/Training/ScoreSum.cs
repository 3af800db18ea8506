using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Training;

/// <summary>Adds up the scores of batches, weighted by their number of samples.</summary>
/// <param name="task">The task; null for the one that fits.</param>
internal sealed class ScoreSum(LearningTask? task)
{
    private readonly List<double[]> sums = [];
    private double loss;
    private long samples;

    /// <summary>The loss of a batch, with gradient; the caller's.</summary>
    internal Tensor Loss(Tensor outputs, Tensor targets)
    {
        task = LearningTask.Resolve(task, outputs, targets);
        return task.Loss(outputs, targets);
    }

    /// <summary>Counts a batch in.</summary>
    internal void Add(double batchLoss, Tensor outputs, Tensor targets)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        long n = targets.shape[0];
        loss += batchLoss * n;
        samples += n;
        for (int m = 0; m < task!.Metrics.Count; m++)
        {
            double[] batch = TensorMemory.Doubles(task.Metrics[m].Sums(outputs, targets));
            if (sums.Count <= m) sums.Add(batch);
            else for (int i = 0; i < batch.Length; i++) sums[m][i] += batch[i];
        }
    }

    internal Score Mean() => samples > 0
        ? new Score(loss / samples, [.. task!.Metrics.SelectMany((metric, m) => metric.Figures(sums[m]))])
        : throw new InvalidOperationException("The source gave no batch: its dataset is empty, or smaller than one batch while incomplete batches are dropped.");
}
