using System.Diagnostics;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Text;

namespace Cellar.Engine;

/// <summary>Says what is wrong with a cell, in the cell's own lines.</summary>
internal static partial class CellErrors
{
    /// <summary>Compiler errors, each with its line and a caret below the place.</summary>
    public static CellError FromDiagnostics(IReadOnlyList<Diagnostic> errors)
    {
        Diagnostic first = errors[0];
        FileLinePositionSpan place = first.Location.GetLineSpan();
        var traceback = new List<string>();
        foreach (Diagnostic error in errors) traceback.AddRange(Describe(error));
        string more = errors.Count > 1 ? $" (and {errors.Count - 1} more)" : "";
        return new CellError("CompilationError", $"{first.Id}: {first.GetMessage()}{more}", place.Path, place.StartLinePosition.Line + 1, SourceLine(first), traceback);
    }

    /// <summary>An exception thrown by a cell.</summary>
    /// <param name="exception">As caught.</param>
    /// <param name="sourceOf">Gives the text of a cell by its label, or null where the place is not a cell.</param>
    public static CellError FromException(Exception exception, Func<string, string?> sourceOf)
    {
        while (exception is AggregateException { InnerExceptions: [var only] }) exception = only;
        if (exception is CellFailedException failed) return failed.Error;

        (string? place, int? line) = Blame(exception, sourceOf);
        string[]? source = place is null ? null : (sourceOf(place) ?? "").ReplaceLineEndings("\n").Split('\n');
        string? sourceLine = line is { } number && source is not null && number <= source.Length ? source[number - 1] : null;

        var traceback = new List<string>();
        for (Exception? e = exception; e is not null; e = e.InnerException)
        {
            traceback.Add($"{(ReferenceEquals(e, exception) ? "" : "caused by ")}{e.GetType().FullName}: {e.Message}");
            traceback.AddRange(Frames(e));
        }

        return new CellError(exception.GetType().FullName ?? exception.GetType().Name, exception.Message, place, line, sourceLine, traceback);
    }

    private static IEnumerable<string> Describe(Diagnostic error)
    {
        FileLinePositionSpan span = error.Location.GetLineSpan();
        if (!error.Location.IsInSource)
        {
            yield return $"error {error.Id}: {error.GetMessage()}";
            yield break;
        }

        int column = span.StartLinePosition.Character;
        yield return $"{span.Path} ({span.StartLinePosition.Line + 1},{column + 1}): error {error.Id}: {error.GetMessage()}";

        string line = SourceLine(error)!;
        int end = span.EndLinePosition.Line == span.StartLinePosition.Line ? span.EndLinePosition.Character : line.Length;
        string indent = string.Concat(line.Take(column).Select(c => c == '\t' ? '\t' : ' '));
        yield return "    " + line;
        yield return "    " + indent + "^" + new string('~', Math.Max(0, end - column - 1));
    }

    private static string? SourceLine(Diagnostic error)
    {
        if (error.Location.SourceTree is not { } tree) return null;
        TextLineCollection lines = tree.GetText().Lines;
        return lines[Math.Min(error.Location.GetLineSpan().StartLinePosition.Line, lines.Count - 1)].ToString();
    }

    /// <summary>The innermost frame that lies in a cell.</summary>
    private static (string? Place, int? Line) Blame(Exception exception, Func<string, string?> sourceOf)
    {
        foreach (StackFrame frame in new StackTrace(exception, fNeedFileInfo: true).GetFrames())
        {
            if (frame.GetFileName() is { } file && sourceOf(file) is not null) return (file, frame.GetFileLineNumber());
        }

        return (null, null);
    }

    /// <summary>The stack without the frames of the scripting machinery.</summary>
    private static IEnumerable<string> Frames(Exception exception) =>
        from line in (exception.StackTrace ?? "").ReplaceLineEndings("\n").Split('\n')
        where line.StartsWith("   at ", StringComparison.Ordinal) && !Machinery().IsMatch(line)
        select Submission().Replace(TopLevel().Replace(line, "   at the cell's top level"), "");

    [GeneratedRegex(@"^   at (Microsoft\.CodeAnalysis\.Scripting\.|System\.Runtime\.CompilerServices\.|System\.Runtime\.ControlledExecution|System\.Threading\.|Cellar\.Engine\.|Cellar\.Interrupts\.|Submission#\d+\.<Factory>)")]
    private static partial Regex Machinery();

    [GeneratedRegex(@"^   at Submission#\d+\.<<Initialize>>d__\d+\.MoveNext\(\)")]
    private static partial Regex TopLevel();

    [GeneratedRegex(@"Submission#\d+\.")]
    private static partial Regex Submission();
}
