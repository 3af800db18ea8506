namespace UnetResnet.Training;

/// <summary>What <see cref="FolderSegmentation"/> has done.</summary>
public sealed record FolderSegmentationReport
{
    /// <summary>Images that were segmented now.</summary>
    public required int Segmented { get; init; }

    /// <summary>Images that an earlier run had done.</summary>
    public required int DoneBefore { get; init; }

    /// <summary>Images that could not be read, which have no pictures and no line in the table.</summary>
    public required IReadOnlyList<DamagedImage> Damaged { get; init; }

    /// <summary>Path of the table.</summary>
    public required string Table { get; init; }

    /// <inheritdoc/>
    public override string ToString() =>
        $"{Segmented} segmented, {DoneBefore} done before, {Damaged.Count} damaged{(Damaged.Count > 0 ? $" ({string.Join(", ", Damaged.Select(d => d.Image))})" : "")}. The table is {Table}.";
}

/// <summary>An image that could not be read.</summary>
/// <param name="Image">Its path below the folder.</param>
/// <param name="Problem">What is wrong with it, and the cure.</param>
public sealed record DamagedImage(string Image, string Problem);
