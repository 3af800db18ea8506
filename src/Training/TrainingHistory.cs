using System.Collections;
using System.Globalization;
using Microsoft.Data.Analysis;
using UnetResnet.Runtime;

namespace UnetResnet.Training;

/// <summary>The epochs of one training run, in order.</summary>
public sealed class TrainingHistory : IReadOnlyList<EpochRecord>
{
    private readonly List<EpochRecord> epochs = [];
    private readonly List<string> remarks = [];

    /// <summary>Creates a history of the given epochs.</summary>
    /// <param name="epochs">The epochs, in order; may be empty.</param>
    public TrainingHistory(params IEnumerable<EpochRecord> epochs)
    {
        foreach (EpochRecord epoch in epochs) Add(epoch);
    }

    /// <inheritdoc/>
    public int Count => epochs.Count;

    /// <inheritdoc/>
    public EpochRecord this[int index] => epochs[index];

    /// <summary>The last epoch.</summary>
    /// <exception cref="InvalidOperationException">The history is empty.</exception>
    public EpochRecord Last => epochs.Count > 0 ? epochs[^1] : throw new InvalidOperationException("The history is empty: no epoch has ended yet.");

    /// <summary>The epoch with the lowest validation loss; the earliest of equals. A loss that is not a number is worse than any other.</summary>
    /// <exception cref="InvalidOperationException">The history is empty.</exception>
    public EpochRecord Best => epochs.MinBy(e => double.IsNaN(e.Validation.Loss) ? (1, 0.0) : (0, e.Validation.Loss)) ?? Last;

    /// <summary>What there is to say about the training as a whole, in sentences: that it was resumed and from which checkpoint, and which ones were damaged.</summary>
    public IReadOnlyList<string> Remarks => remarks;

    internal void Add(string remark) => remarks.Add(remark);

    internal void Add(EpochRecord epoch)
    {
        if (epochs.Count > 0 && epoch.Epoch <= epochs[^1].Epoch)
            throw new ArgumentException($"Epoch {epoch.Epoch} cannot follow epoch {epochs[^1].Epoch}: epochs are recorded in rising order.", nameof(epoch));
        epochs.Add(epoch);
    }

    /// <summary>The history as a table with one row per epoch.</summary>
    /// <returns>
    /// Columns <c>epoch</c>, <c>loss</c>, <c>iou</c>, <c>dice</c> (training), <c>val_loss</c>, <c>val_iou</c>, <c>val_dice</c> (validation),
    /// <c>train_inference_loss</c>, <c>train_inference_iou</c>, <c>train_inference_dice</c> (training images in inference mode),
    /// <c>learning_rate</c> and <c>seconds</c>; the first names are those of a Keras history. Where the task has other figures, their names stand in the place of
    /// <c>iou</c> and <c>dice</c>: <c>accuracy</c>, or <c>mean_iou</c>, <c>iou_of_class_0</c> and so on.
    /// </returns>
    public DataFrame ToDataFrame()
    {
        DoubleDataFrameColumn Column(string name, Func<EpochRecord, double> value) => new(name, epochs.Select(value));
        IEnumerable<DataFrameColumn> Of(string prefix, Func<EpochRecord, Score> score) =>
            [Column($"{prefix}loss", e => score(e).Loss), .. FigureNames.Select(name => Column(prefix + name.ToLowerInvariant().Replace(' ', '_'), e => score(e)[name]))];
        return new DataFrame(
            [new Int32DataFrameColumn("epoch", epochs.Select(e => e.Epoch)), .. Of("", e => e.Training), .. Of("val_", e => e.Validation), .. Of("train_inference_", e => e.TrainingInInferenceMode),
            Column("learning_rate", e => e.LearningRate), Column("seconds", e => e.Seconds)]);
    }

    /// <summary>Names of the figures that every epoch has; those of masks where nothing has been recorded yet.</summary>
    private string[] FigureNames => epochs.Count > 0 ? [.. epochs[0].Validation.Figures.Select(figure => figure.Name)] : ["IoU", "Dice"];

    /// <summary>The history as a table of text with one row per epoch, and the remarks below it.</summary>
    public override string ToString() => string.Join('\n', [Table.ToText(), .. remarks]);

    /// <summary>What people look at first; <see cref="ToDataFrame"/> has everything.</summary>
    internal TextTable Table
    {
        get
        {
            string? figure = FigureNames.FirstOrDefault();
            string[] headers = ["epoch", "loss", "validation loss", "training loss in inference mode", .. figure is null ? [] : new[] { figure, $"validation {figure}", $"training {figure} in inference mode" }, "seconds"];
            return new TextTable(
                headers,
                [.. epochs.Select(e => (IReadOnlyList<string>)[
                    e.Epoch.ToString(CultureInfo.InvariantCulture),
                    NumberText.Fixed(e.Training.Loss, 4), NumberText.Fixed(e.Validation.Loss, 4), NumberText.Fixed(e.TrainingInInferenceMode.Loss, 4),
                    .. figure is null ? [] : new[] { e.Training, e.Validation, e.TrainingInInferenceMode }.Select(score => NumberText.Fixed(score[figure], 3)),
                    NumberText.Fixed(e.Seconds, 1)])],
                [.. headers.Select(_ => true)],
                epochs.Count == 0 ? "No epoch has ended yet." : null);
        }
    }

    /// <inheritdoc/>
    public IEnumerator<EpochRecord> GetEnumerator() => epochs.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
