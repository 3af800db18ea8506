using System.Net;
using System.Text;
using UnetResnet.Diagnosis;
using UnetResnet.Runtime;

namespace UnetResnet.Notebooks;

/// <summary>Diagnostic reports as HTML.</summary>
public static class ReportHtml
{
    private const string Style = "<style>.ur-report .ur-title{font-weight:600;font-size:1.1em}.ur-report p{margin:.4em 0;max-width:70ch}</style>";

    /// <summary>The report as a fragment of HTML that needs nothing else: title, finding, tables, notes.</summary>
    /// <param name="report">Any diagnostic's report.</param>
    /// <returns>HTML; texts are escaped.</returns>
    public static string ToHtml(this DiagnosticReport report)
    {
        var html = new StringBuilder("<div class=\"ur-report\">").Append(Style)
            .Append("<div class=\"ur-title\">").Append(WebUtility.HtmlEncode(report.Title)).Append("</div>")
            .Append("<p>").Append(WebUtility.HtmlEncode(report.Finding)).Append("</p>");
        foreach (TextTable table in report.Tables) html.Append(table.ToHtml());
        foreach (string note in report.Notes) html.Append("<p class=\"ur-note\"><b>Note:</b> ").Append(WebUtility.HtmlEncode(note)).Append("</p>");
        return html.Append("</div>").ToString();
    }
}
