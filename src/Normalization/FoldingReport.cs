using System.Globalization;

namespace UnetResnet.Normalization;

/// <summary>What folding did.</summary>
/// <param name="Folded">Names of the batch-norm layers that are in their convolutions now, in the order of the forward pass.</param>
/// <param name="Left">Names of those that the forward pass uses and that could not be folded: no convolution right before them, or one of the two is used more than once.</param>
/// <param name="LargestRelativeError">The largest difference that folding makes to the output on the images given, divided by the output's largest magnitude.</param>
public sealed record FoldingReport(IReadOnlyList<string> Folded, IReadOnlyList<string> Left, double LargestRelativeError)
{
    /// <summary>One line.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Folded.Count} batch-norm layers folded{(Left.Count > 0 ? $", {Left.Count} left ({string.Join(", ", Left.Take(3))}{(Left.Count > 3 ? ", …" : "")})" : "")}; largest relative error {LargestRelativeError:0.0e+0}.");
}
