using System.Net;
using Microsoft.DotNet.Interactive.Formatting;

namespace UnetResnet.Notebooks;

/// <summary>One line that says that an exercise waits for its answer.</summary>
/// <param name="Task">What to write.</param>
[TypeFormatterSource(typeof(NotebookFormatters), PreferredMimeTypes = ["text/html", "text/plain"])]
public sealed record ExerciseLine(string Task)
{
    private const string Turn = "Your turn";
    private const string How = "Replace Exercise.Todo(…) by your answer and run the cell again.";

    /// <summary>The line as text.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => $"✎ {Turn}: {Task} {How}";

    /// <summary>The line as HTML, with a pencil.</summary>
    /// <returns>A fragment of HTML; the task is escaped.</returns>
    public string ToHtml() =>
        $"<div class=\"ur-check\" style=\"border-left:3px solid {ChartPalette.Neutral};padding:.15em .7em;margin:.25em 0\">" +
        $"✎ <b>{Turn}</b>: {WebUtility.HtmlEncode(Task)} <i>{WebUtility.HtmlEncode(How)}</i></div>";
}
