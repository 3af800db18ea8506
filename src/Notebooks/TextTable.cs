using System.Net;
using System.Text;

namespace UnetResnet.Notebooks;

/// <summary>A small table as HTML and as plain text, with the same rounding in both.</summary>
/// <param name="Headers">Names of the columns.</param>
/// <param name="Rows">The cells, row by row, already rounded.</param>
/// <param name="Numeric">Which columns hold numbers; they stand at the right.</param>
/// <param name="Note">A remark below, such as how many rows were left out.</param>
internal sealed record TextTable(IReadOnlyList<string> Headers, IReadOnlyList<IReadOnlyList<string>> Rows, IReadOnlyList<bool> Numeric, string? Note = null)
{
    private const string Style = """
        <style>.ur-table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:.4em 0}.ur-table th,.ur-table td{padding:.2em .7em;border:0;border-bottom:1px solid rgba(128,128,128,.3);background:none}.ur-table th{font-weight:600;border-bottom-width:2px}.ur-note{opacity:.75}</style>
        """;

    internal string ToHtml()
    {
        var html = new StringBuilder("<div style=\"overflow-x:auto\">").Append(Style).Append("<table class=\"ur-table\"><thead><tr>");
        for (int c = 0; c < Headers.Count; c++) html.Append(Cell("th", Headers[c], c));
        html.Append("</tr></thead><tbody>");
        foreach (IReadOnlyList<string> row in Rows)
        {
            html.Append("<tr>");
            for (int c = 0; c < row.Count; c++) html.Append(Cell("td", row[c], c));
            html.Append("</tr>");
        }
        html.Append("</tbody></table>");
        if (Note is not null) html.Append("<div class=\"ur-note\">").Append(WebUtility.HtmlEncode(Note)).Append("</div>");
        return html.Append("</div>").ToString();
    }

    internal string ToText()
    {
        int[] widths = [.. Headers.Select((header, c) => Rows.Select(row => row[c].Length).Append(header.Length).Max())];
        string Line(IReadOnlyList<string> cells) =>
            string.Join("  ", cells.Select((cell, c) => Numeric[c] ? cell.PadLeft(widths[c]) : cell.PadRight(widths[c]))).TrimEnd();
        return string.Join('\n', [Line(Headers), .. Rows.Select(Line), .. Note is null ? [] : new[] { Note }]);
    }

    // GitHub removes style sheets from notebooks but keeps the align attribute.
    private string Cell(string tag, string text, int column) =>
        $"<{tag} align=\"{(Numeric[column] ? "right" : "left")}\">{WebUtility.HtmlEncode(text)}</{tag}>";
}
