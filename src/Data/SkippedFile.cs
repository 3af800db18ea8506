namespace UnetResnet.Data;

/// <summary>What becomes of a file that cannot be used.</summary>
public enum OnError
{
    /// <summary>A <see cref="DatasetException"/> names it.</summary>
    Throw,

    /// <summary>It is left out and listed in <see cref="SegmentationDataset.Skipped"/>.</summary>
    Skip,
}

/// <summary>A file that was left out of a dataset, and with it the pair that it belongs to.</summary>
/// <param name="File">The image or mask at fault.</param>
/// <param name="Problem">What is wrong with it, what was expected, and the cure.</param>
public sealed record SkippedFile(string File, string Problem)
{
    /// <inheritdoc/>
    public override string ToString() => Problem;
}
