using System.Net;
using Microsoft.DotNet.Interactive.Formatting;

namespace UnetResnet.Notebooks;

/// <summary>One line that says whether something holds.</summary>
/// <param name="Passed">Whether it holds.</param>
/// <param name="Name">What was checked.</param>
/// <param name="Detail">The value and what was expected of it; may take several lines.</param>
[TypeFormatterSource(typeof(NotebookFormatters), PreferredMimeTypes = ["text/html", "text/plain"])]
public sealed record CheckLine(bool Passed, string Name, string Detail)
{
    /// <summary>The line as text, such as <c>✓ validation IoU: 0.52 (expected at most 0.7)</c>.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => $"{(Passed ? '✓' : '✗')} {Name}: {Detail}";

    /// <summary>The line as HTML, with a green tick or a red cross.</summary>
    /// <returns>A fragment of HTML; name and detail are escaped.</returns>
    public string ToHtml()
    {
        string detail = WebUtility.HtmlEncode(Detail).Replace("\n", "<br>", StringComparison.Ordinal);
        string color = Passed ? ChartPalette.TruePositive : ChartPalette.FalsePositive;
        return $"<div class=\"ur-check\" style=\"border-left:3px solid {color};padding:.15em .7em;margin:.25em 0\">" +
            $"<span style=\"color:{color};font-weight:700\">{(Passed ? '✓' : '✗')}</span> " +
            $"{WebUtility.HtmlEncode(Name)}: <span style=\"font-variant-numeric:tabular-nums\">{detail}</span></div>";
    }
}
