using System.Net;
using Microsoft.DotNet.Interactive.Formatting;

namespace UnetResnet.Notebooks;

/// <summary>One line that waits for the reader, or answers one: an exercise, a prediction.</summary>
/// <param name="Heading">What it is.</param>
/// <param name="Text">What to write, or what happened.</param>
/// <param name="How">How to go on; may be empty.</param>
[TypeFormatterSource(typeof(NotebookFormatters), PreferredMimeTypes = ["text/html", "text/plain"])]
public sealed record ExerciseLine(string Heading, string Text, string How = "")
{
    /// <summary>The line as text.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => $"✎ {Heading}: {Text} {How}".TrimEnd();

    /// <summary>The line as HTML, with a pencil.</summary>
    /// <returns>A fragment of HTML; the texts are escaped.</returns>
    public string ToHtml() =>
        $"<div class=\"ur-check\" style=\"border-left:3px solid {ChartPalette.Neutral};padding:.15em .7em;margin:.25em 0\">" +
        $"✎ <b>{WebUtility.HtmlEncode(Heading)}</b>: {WebUtility.HtmlEncode(Text)} <i>{WebUtility.HtmlEncode(How)}</i></div>";
}
