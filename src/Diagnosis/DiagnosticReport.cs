using UnetResnet.Runtime;

namespace UnetResnet.Diagnosis;

/// <summary>
/// What a diagnostic found: a name, a finding in words, and tables of its figures. Every diagnostic is a pure function that returns such a record and leaves
/// the model as it found it.
/// </summary>
/// <remarks>A notebook shows a report as HTML; <c>Chart()</c> in <c>UnetResnet.Notebooks</c> draws it.</remarks>
public abstract record DiagnosticReport
{
    /// <summary>Name of the diagnostic.</summary>
    public abstract string Title { get; }

    /// <summary>What was found, in a sentence or two with the figures.</summary>
    public abstract string Finding { get; }

    /// <summary>Remarks about the model that matter for reading the figures, such as a layer that is used twice.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>The figures.</summary>
    internal virtual IReadOnlyList<TextTable> Tables => [];

    /// <summary>The report as plain text: title, finding, tables, notes.</summary>
    public string ToText() =>
        string.Join("\n\n", [$"{Title}\n{new string('=', Title.Length)}", Finding, .. Tables.Select(table => table.ToText()), .. Notes.Select(note => $"Note: {note}")]);

    /// <inheritdoc cref="ToText"/>
    public sealed override string ToString() => ToText();
}
