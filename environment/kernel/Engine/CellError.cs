namespace Cellar.Engine;

/// <summary>Why and where a cell failed.</summary>
/// <param name="Name">Type of the exception, or <c>CompilationError</c>.</param>
/// <param name="Message">One sentence or more, for people.</param>
/// <param name="Place">The cell or file the error lies in, as the engine was told to call it.</param>
/// <param name="Line">Line in <paramref name="Place"/>, from 1; null where no line of a cell is to blame.</param>
/// <param name="SourceLine">The text of that line.</param>
/// <param name="Traceback">What to print: diagnostics with carets, or the trimmed stack.</param>
internal sealed record CellError(
    string Name,
    string Message,
    string? Place,
    int? Line,
    string? SourceLine,
    IReadOnlyList<string> Traceback)
{
    /// <summary>Name of the error of a cell that took too long.</summary>
    public const string TimeLimitExceeded = nameof(TimeLimitExceeded);

    /// <summary>An error that is not about a line of C#, such as an unknown magic command.</summary>
    public static CellError Plain(string name, string message, string? place = null, int? line = null, string? sourceLine = null)
    {
        List<string> traceback = [$"{name}: {message}"];
        if (place is not null && line is not null) traceback.Add($"   at {place}, line {line}: {sourceLine?.Trim()}");
        return new CellError(name, message, place, line, sourceLine, traceback);
    }
}

/// <summary>How a cell ended.</summary>
/// <param name="Error">Null when the cell succeeded.</param>
/// <param name="Elapsed">Wall-clock time, compilation included.</param>
internal sealed record CellResult(CellError? Error, TimeSpan Elapsed)
{
    public bool Succeeded => Error is null;
}

/// <summary>Carries a <see cref="CellError"/> through the parts of the engine that cannot return one.</summary>
internal sealed class CellFailedException(CellError error) : Exception(error.Message)
{
    public CellError Error { get; } = error;
}
