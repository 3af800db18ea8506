using System.Text.Json.Nodes;

namespace Cellar.Engine;

/// <summary>Something a running cell gives out; the kinds are those of nbformat 4.5 and of the Jupyter protocol.</summary>
internal abstract record CellOutput;

/// <summary>Text written to a standard stream. Neighbouring pieces of one stream belong together.</summary>
/// <param name="Name"><c>stdout</c> or <c>stderr</c>.</param>
/// <param name="Text">As written, line ends included.</param>
internal sealed record StreamOutput(string Name, string Text) : CellOutput;

/// <summary>A value shown by <c>display</c>.</summary>
/// <param name="Data">One entry per MIME type; <c>+json</c> types hold JSON, all others text.</param>
/// <param name="DisplayId">Names this display for a later <see cref="DisplayUpdate"/>.</param>
internal sealed record DisplayOutput(JsonObject Data, string DisplayId) : CellOutput;

/// <summary>A new value for an earlier display, perhaps of an earlier cell.</summary>
internal sealed record DisplayUpdate(JsonObject Data, string DisplayId) : CellOutput;

/// <summary>The value of the cell's last expression.</summary>
internal sealed record ResultOutput(JsonObject Data, int ExecutionCount) : CellOutput;

/// <summary>Removes what the cell has given out so far.</summary>
/// <param name="Wait">Not now, but when the next output comes.</param>
internal sealed record ClearOutput(bool Wait) : CellOutput;

/// <summary>Why the cell failed; always its last output.</summary>
internal sealed record ErrorOutput(CellError Error) : CellOutput;
