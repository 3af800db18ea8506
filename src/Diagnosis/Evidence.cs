using UnetResnet.Runtime;

namespace UnetResnet.Diagnosis;

/// <summary>One observation that speaks for a verdict.</summary>
/// <param name="Diagnostic">The diagnostic that made it.</param>
/// <param name="Value">The figure that decided.</param>
/// <param name="Limit">The limit that it was compared with; NaN where there is none.</param>
/// <param name="Text">What it says, with the figure.</param>
public sealed record Evidence(string Diagnostic, double Value, double Limit, string Text)
{
    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}
