using System.Globalization;
using System.Text;

namespace UnetResnet.Lab.Report;

/// <summary>What the pages of the report share: the search and the list of all pages.</summary>
internal static class SiteParts
{
    /// <summary>The search field; report.js fills the list.</summary>
    public const string Search = """
        <search class="search"><input type="search" placeholder="Search" aria-label="Search all notebooks" autocomplete="off"><ul class="found" hidden></ul></search>
        """;

    /// <summary>The list of all pages, with the contents of the current one below its name.</summary>
    public static string Pages(IReadOnlyList<ReportEntry> all, ReportEntry current, string contents)
    {
        var list = new StringBuilder("<ul class=\"pages\">");
        foreach (ReportEntry entry in all)
        {
            bool here = entry == current;
            list.Append(CultureInfo.InvariantCulture, $"<li><a class=\"page\" href=\"{Html.Escape(Uri.EscapeDataString(entry.Page))}\"{(here ? " aria-current=\"page\"" : "")}>{Html.Escape(entry.Notebook.Title)}</a>{(here ? contents : "")}</li>");
        }

        return list.Append("</ul>").ToString();
    }
}
