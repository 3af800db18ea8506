namespace Cellar.Notebooks;

/// <summary>A file is not the notebook it should be; the message names the file, what was expected and the cure.</summary>
internal sealed class NotebookFormatException(string message, Exception? inner = null) : FormatException(message, inner);
