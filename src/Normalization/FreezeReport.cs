using System.Globalization;

namespace UnetResnet.Normalization;

/// <summary>What freezing or unfreezing did.</summary>
/// <param name="Mode">What the batch-norm layers do from now on.</param>
/// <param name="Frozen">Numbers in parameters of the part that receive no gradients now.</param>
/// <param name="Trained">Numbers in parameters of the part that do.</param>
/// <param name="Layers">Names of the batch-norm layers that took the mode, in the order of registration.</param>
/// <param name="TrainedElsewhere">Numbers in parameters outside the part, in the same module, that receive gradients.</param>
public sealed record FreezeReport(BatchNormMode Mode, long Frozen, long Trained, IReadOnlyList<string> Layers, long TrainedElsewhere)
{
    /// <summary>One line.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Frozen:N0} numbers frozen, {Trained:N0} trained{(TrainedElsewhere > 0 ? $" ({TrainedElsewhere:N0} elsewhere)" : "")}; {Layers.Count} batch-norm layer{(Layers.Count == 1 ? "" : "s")} in mode {Mode}.");
}
