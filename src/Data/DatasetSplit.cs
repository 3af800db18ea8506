using UnetResnet.Runtime;

namespace UnetResnet.Data;

/// <summary>Which places of a dataset are for training and which for validation; places in neither are left out.</summary>
/// <param name="Train">Places from 0, in rising order.</param>
/// <param name="Validation">Places from 0, in rising order; none of them is in <paramref name="Train"/>.</param>
public sealed record DatasetSplit(IReadOnlyList<int> Train, IReadOnlyList<int> Validation)
{
    /// <summary>Divides a dataset.</summary>
    /// <param name="dataset">The dataset whose places were split.</param>
    /// <exception cref="ArgumentOutOfRangeException">The dataset has fewer samples than the split was made for.</exception>
    public (SegmentationDataset Train, SegmentationDataset Validation) Apply(SegmentationDataset dataset)
    {
        ArgumentNullException.ThrowIfNull(dataset);
        return (dataset.Subset(Train), dataset.Subset(Validation));
    }

    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}
