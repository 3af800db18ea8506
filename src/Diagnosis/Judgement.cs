using UnetResnet.Runtime;
using UnetResnet.Training;
using static TorchSharp.torch;

namespace UnetResnet.Diagnosis;

/// <summary>How good one output is.</summary>
/// <param name="Loss">In the unit of the loss, nats for cross-entropies.</param>
/// <param name="Figure">The first figure of the task's metrics, such as the IoU, or null where the task has none.</param>
internal readonly record struct Judgement(double Loss, Figure? Figure)
{
    /// <summary>The figure's value, or null where the task has none.</summary>
    internal double? Quality => Figure?.Value;

    /// <summary>Judges an output.</summary>
    /// <param name="output">The model's output.</param>
    /// <param name="targets">What should have come out.</param>
    /// <param name="task">Null for the task that fits.</param>
    /// <exception cref="ArgumentException">Outputs and targets do not fit the task, or any known one.</exception>
    internal static Judgement Of(Tensor output, Tensor targets, LearningTask? task)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        task = LearningTask.Resolve(task, output, targets);
        double loss = task.Loss(output, targets).to(float64).item<double>();
        if (task.Metrics.Count == 0) return new Judgement(loss, null);
        Metric metric = task.Metrics[0];
        Figure figure = metric.Figures(metric.Sums(output, targets).Doubles())[0];
        return new Judgement(loss, double.IsNaN(figure.Value) ? null : figure);
    }

    /// <summary>Root of the mean squared difference of two outputs.</summary>
    internal static double Distance(Tensor a, Tensor b)
    {
        using var scope = NewDisposeScope();
        return Math.Sqrt((a - b).square().mean().to(float64).item<double>());
    }

    /// <summary>A distance in units of a spread; 0 where there is no distance, however small the spread.</summary>
    internal static double Relative(double distance, double spread) => distance == 0 ? 0 : distance / spread;

    /// <summary>Standard deviation of an output over all its values.</summary>
    internal static double Spread(Tensor output)
    {
        using var scope = NewDisposeScope();
        return output.std(unbiased: false).to(float64).item<double>();
    }

    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}
