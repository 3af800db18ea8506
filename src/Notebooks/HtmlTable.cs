using System.Net;
using System.Text;
using UnetResnet.Runtime;

namespace UnetResnet.Notebooks;

/// <summary>A <see cref="TextTable"/> as HTML.</summary>
internal static class HtmlTable
{
    private const string Style = """
        <style>.ur-table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:.4em 0}.ur-table th,.ur-table td{padding:.2em .7em;border:0;border-bottom:1px solid rgba(128,128,128,.3);background:none}.ur-table td[align=right]{white-space:nowrap}.ur-table th{font-weight:600;border-bottom-width:2px}.ur-note{opacity:.75}</style>
        """;

    internal static string ToHtml(this TextTable table)
    {
        // GitHub removes style sheets from notebooks but keeps the align attribute.
        string Cell(string tag, string text, int column) =>
            $"<{tag} align=\"{(table.Numeric[column] ? "right" : "left")}\">{WebUtility.HtmlEncode(text)}</{tag}>";

        var html = new StringBuilder("<div style=\"overflow-x:auto\">").Append(Style).Append("<table class=\"ur-table\"><thead><tr>");
        for (int c = 0; c < table.Headers.Count; c++) html.Append(Cell(table.Headers[c].Length == 0 ? "td" : "th", table.Headers[c], c)); // an empty corner is the header of nothing
        html.Append("</tr></thead><tbody>");
        foreach (IReadOnlyList<string> row in table.Rows)
        {
            html.Append("<tr>");
            for (int c = 0; c < row.Count; c++) html.Append(Cell("td", row[c], c));
            html.Append("</tr>");
        }
        html.Append("</tbody></table>");
        if (table.Note is not null) html.Append("<div class=\"ur-note\">").Append(WebUtility.HtmlEncode(table.Note)).Append("</div>");
        return html.Append("</div>").ToString();
    }
}
