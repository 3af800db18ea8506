using UnetResnet.Runtime;

namespace UnetResnet.Training;

/// <summary>How good a network is on a set of samples.</summary>
/// <param name="Loss">Mean loss, each sample counted once, in the unit of the loss function (nats for cross-entropies).</param>
/// <param name="Figures">The figures of the task's metrics, the most telling first: of masks IoU and Dice, of class masks the mean IoU and that of each class, of a classification the accuracy.</param>
public sealed record Score(double Loss, IReadOnlyList<Figure> Figures)
{
    /// <summary>The score of masks.</summary>
    /// <param name="loss">Mean loss.</param>
    /// <param name="iou">Mean intersection over union, 0 to 1.</param>
    /// <param name="dice">Mean Dice coefficient (F1), 0 to 1.</param>
    public Score(double loss, double iou, double dice) : this(loss, [new Figure("IoU", iou), new Figure("Dice", dice)])
    {
    }

    /// <summary>Mean intersection over union, 0 to 1: of masks over the images, of class masks over the classes; NaN where the task has none.</summary>
    public double IoU => this["IoU", "mean IoU"];

    /// <summary>Mean Dice coefficient (F1) of masks, 0 to 1; NaN where the task has none.</summary>
    public double Dice => this["Dice"];

    /// <summary>Share of samples that are classified rightly, 0 to 1; NaN where the task has none.</summary>
    public double Accuracy => this["accuracy"];

    /// <summary>The figure of one of these names; NaN where the task has none.</summary>
    /// <param name="names">Names, see <see cref="Figures"/>.</param>
    public double this[params ReadOnlySpan<string> names]
    {
        get
        {
            foreach (Figure figure in Figures)
            {
                if (names.Contains(figure.Name)) return figure.Value;
            }

            return double.NaN;
        }
    }

    /// <summary>Whether another score has the same loss and figures.</summary>
    /// <param name="other">The other score.</param>
    public bool Equals(Score? other) => other is not null && Loss.Equals(other.Loss) && Figures.SequenceEqual(other.Figures);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Loss, Figures.Count);

    /// <summary>Loss and figures in one line.</summary>
    public override string ToString() => $"loss {NumberText.Fixed(Loss, 4)}{string.Concat(Figures.Select(figure => $", {figure}"))}";
}
