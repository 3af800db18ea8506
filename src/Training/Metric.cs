using System.Globalization;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Training;

/// <summary>A figure of merit by name, such as an IoU of 0.94.</summary>
/// <param name="Name">What it is called in tables.</param>
/// <param name="Value">Higher is better, 1 is perfect as a rule; NaN where there was nothing to judge.</param>
public sealed record Figure(string Name, double Value)
{
    /// <summary>Name and value.</summary>
    public override string ToString() => $"{Name} {NumberText.Fixed(Value, 3)}";
}

/// <summary>
/// How something is judged: sums that add up over the batches, and the figures that follow from them, so that batches of different sizes weigh what they should.
/// </summary>
/// <param name="Sums">A vector of sums for one batch, of outputs and targets; the result is the caller's.</param>
/// <param name="Figures">The figures that follow from the sums over all batches, the most telling first.</param>
public sealed record Metric(Func<Tensor, Tensor, Tensor> Sums, Func<IReadOnlyList<double>, IReadOnlyList<Figure>> Figures)
{
    /// <summary>A figure that every sample has: its mean.</summary>
    /// <param name="name">What it is called.</param>
    /// <param name="values">One value per sample, (N), of outputs and targets.</param>
    public static Metric PerSample(string name, Func<Tensor, Tensor, Tensor> values) => new(
        (outputs, targets) =>
        {
            using var scope = NewDisposeScope();
            Tensor each = values(outputs, targets).to(float64);
            return stack([each.sum(), tensor((double)each.numel(), device: each.device)]).MoveToOuterDisposeScope();
        },
        sums => [new Figure(name, sums[0] / sums[1])]);

    /// <summary>Intersection over union at probability 0.5: the mean over the images.</summary>
    public static Metric IoU { get; } = PerSample("IoU", Metrics.IoU);

    /// <summary>Dice coefficient at probability 0.5: the mean over the images.</summary>
    public static Metric Dice { get; } = PerSample("Dice", Metrics.Dice);

    /// <summary>Share of samples whose class has the largest logit.</summary>
    public static Metric Accuracy { get; } = PerSample("accuracy", Metrics.Accuracy);

    /// <summary>
    /// Mean intersection over union of the classes that occur or are predicted, and that of each class, both from the pixels of all images together, as benchmarks count.
    /// </summary>
    public static Metric MeanIoU { get; } = new(
        (outputs, targets) =>
        {
            using Tensor matrix = Metrics.ConfusionMatrix(outputs, targets);
            return matrix.reshape(-1).clone();
        },
        confusion =>
        {
            IReadOnlyList<double> each = Metrics.ClassIoU(confusion);
            double[] defined = [.. each.Where(value => !double.IsNaN(value))];
            return [new Figure("mean IoU", defined.Length > 0 ? defined.Average() : double.NaN), .. each.Select((value, c) => new Figure($"IoU of class {c.ToString(CultureInfo.InvariantCulture)}", value))];
        });

    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}
