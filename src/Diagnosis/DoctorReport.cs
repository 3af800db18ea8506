using System.Globalization;
using UnetResnet.Runtime;

namespace UnetResnet.Diagnosis;

/// <summary>What <see cref="BatchNormDoctor"/> says: one cause, where it sits, why, how sure it is, and what to do.</summary>
public sealed record DoctorReport : DiagnosticReport
{
    /// <inheritdoc/>
    public override string Title => "Diagnosis";

    /// <inheritdoc/>
    public override string Finding => Verdict;

    /// <summary>The cause.</summary>
    public required Cause Cause { get; init; }

    /// <summary>The verdict in words.</summary>
    public required string Verdict { get; init; }

    /// <summary>0 to 1. Certain settings and closed gaps give much, rules of thumb less.</summary>
    public required double Confidence { get; init; }

    /// <summary>Where: the part of the network, such as <c>encoder</c> or the name of a layer; empty where the cause has no place.</summary>
    public string Place { get; init; } = "";

    /// <summary>Names of the layers concerned, in the order of the forward pass.</summary>
    public IReadOnlyList<string> Layers { get; init; } = [];

    /// <summary>What speaks for the verdict, the strongest first.</summary>
    public required IReadOnlyList<Evidence> Evidence { get; init; }

    /// <summary>Other things found, which do not explain what was measured but deserve a look.</summary>
    public IReadOnlyList<(Cause Cause, string Text)> AlsoFound { get; init; } = [];

    /// <summary>What to do; null where nothing is wrong.</summary>
    public Cure? Cure { get; init; }

    /// <summary>The diagnostics that were run, in their order.</summary>
    public required IReadOnlyList<DiagnosticReport> Reports { get; init; }

    /// <summary>Wall-clock seconds of the diagnosis.</summary>
    public required double Seconds { get; init; }

    /// <summary>Whether anything is wrong.</summary>
    public bool IsIll => Cause is not (Cause.Healthy or Cause.NothingToDiagnose);

    internal override IReadOnlyList<TextTable> Tables =>
    [
        new(["", ""],
            [
                ["cause", Cause.Words()], ["confidence", Confidence.ToString("0.00", CultureInfo.InvariantCulture)],
                .. Place.Length > 0 ? new[] { (IReadOnlyList<string>)["where", Place] } : [],
                .. Layers.Count > 0 ? new[] { (IReadOnlyList<string>)["layers", $"{Layers.Count}: {string.Join(", ", Layers.Take(4))}{(Layers.Count > 4 ? ", …" : "")}"] } : [],
                .. Cure is null ? [] : new[] { (IReadOnlyList<string>)["what to do", Cure.Title] },
            ],
            [false, false], $"{Reports.Count} diagnostic{(Reports.Count == 1 ? "" : "s")} in {Seconds.ToString("0.0", CultureInfo.InvariantCulture)} s"),
        new(["evidence", "figure", "limit", "from"],
            [.. Evidence.Select(e => (IReadOnlyList<string>)[e.Text, NumberText.Short(e.Value), double.IsNaN(e.Limit) ? "" : NumberText.Short(e.Limit), e.Diagnostic])],
            [false, true, true, false], AlsoFound.Count == 0 ? null : "Also found: " + string.Join(" ", AlsoFound.Select(also => also.Text))),
    ];
}

/// <summary>One step of a diagnosis, told as it begins.</summary>
/// <param name="Number">Number of the step, from 1.</param>
/// <param name="Name">What is measured.</param>
/// <param name="Seconds">Seconds since the start.</param>
public sealed record DoctorStep(int Number, string Name, double Seconds)
{
    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Seconds,5:0.0} s  {Number}  {Name}");
}
