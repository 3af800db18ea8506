namespace UnetResnet.Weights;

/// <summary>How strictly weights are loaded.</summary>
public sealed record LoadOptions
{
    /// <summary>
    /// Keras's <c>by_name=True</c>: what has the same name is loaded, the rest stays as it is and is reported. Otherwise nothing may be missing or left over.
    /// Conflicting shapes are an error in either case.
    /// </summary>
    public bool ByName { get; init; }

    /// <summary>Whether ε and padding may differ from those of the network that the weights were trained in. Measured effects are in the appendix notebook.</summary>
    public bool AnyEpsAndPadding { get; init; }
}

/// <summary>What loading a weights file did.</summary>
public sealed record LoadReport
{
    /// <summary>The file.</summary>
    public required string Path { get; init; }

    /// <summary>Format of the file: <c>Keras HDF5</c>, <c>safetensors</c> …</summary>
    public required string Format { get; init; }

    /// <summary>The network that the names belong to, in words.</summary>
    public required string Family { get; init; }

    /// <summary>State keys that were filled.</summary>
    public required IReadOnlyList<string> Matched { get; init; }

    /// <summary>State keys that the file does not have; they keep their values.</summary>
    public IReadOnlyList<string> Missing { get; init; } = [];

    /// <summary>Names in the file that the network does not have.</summary>
    public IReadOnlyList<string> Unexpected { get; init; } = [];

    /// <summary>State keys whose shape or type differs, with both.</summary>
    public IReadOnlyList<string> Conflicts { get; init; } = [];

    /// <summary>State keys whose values were transposed, from (height, width, in, out) to (out, in, height, width) or from (in, out) to (out, in).</summary>
    public IReadOnlyList<string> Transposed { get; init; } = [];

    /// <summary>Names in the file that are left out on purpose: the classifier where the network has none, <c>num_batches_tracked</c>.</summary>
    public IReadOnlyList<string> Ignored { get; init; } = [];

    /// <summary>Text that comes with the file, by name.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; init; } = new Dictionary<string, string>();

    /// <summary>The counts, with the first names of what did not fit.</summary>
    public override string ToString() =>
        $"{System.IO.Path.GetFileName(Path)} ({Format}, {Family}): {Matched.Count} matched, {Transposed.Count} of them transposed, {Describe("missing", Missing)}, {Describe("unexpected", Unexpected)}, {Describe("of another shape or type", Conflicts)}, {Ignored.Count} ignored";

    internal static string Describe(string what, IReadOnlyList<string> names) => names.Count switch
    {
        0 => $"none {what}",
        <= 3 => $"{names.Count} {what} ({string.Join("; ", names)})",
        _ => $"{names.Count} {what} ({string.Join("; ", names.Take(3))} …)",
    };
}
