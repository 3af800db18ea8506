using System.Text.RegularExpressions;
using Ganss.Xss;

namespace UnetResnet.Lab.Report;

/// <summary>
/// Markup that shows and cannot act: an allow-list of elements, attributes and addresses. The Markdown of a notebook may be anybody's; what a cell displays comes from code
/// that has run, and may act, but only in a frame of its own (<see cref="OutputHtml"/>).
/// </summary>
internal static partial class SafeHtml
{
    private static readonly string[] MathElements =
    [
        "math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "mfrac", "msqrt", "mroot", "msub", "msup", "msubsup", "munder", "mover", "munderover", "mtable", "mtr", "mtd", "mstyle",
    ];

    private static readonly string[] Attributes =
    [
        "class", "id", "role", "aria-label", "aria-hidden", "aria-describedby", "aria-labelledby", "tabindex",
        "accent", "accentunder", "stretchy", "display", "mathvariant", "displaystyle", "lspace", "rspace", "columnalign",
    ];

    private static readonly string[] VoidElements = ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"];

    /// <summary>How many elements may stand one in the other, as in browsers: whoever walks through them walks into each.</summary>
    private const int DeepestNesting = 500;

    /// <summary>
    /// The markup without what could act: scripts, handlers, frames, forms, addresses that are no <c>http</c>, <c>https</c> or <c>mailto</c>; pictures may be data. Nor does
    /// it change the page around it: no style sheet, nothing that leaves its place.
    /// </summary>
    public static string Clean(string html)
    {
        if (IsDeep(html)) return $"<pre>{Html.Escape(html)}</pre>";
        HtmlSanitizer sanitizer = Sanitizer();
        sanitizer.AllowedTags.Remove("style");
        foreach (string property in (string[])["position", "z-index", "top", "right", "bottom", "left"]) sanitizer.AllowedCssProperties.Remove(property);
        return sanitizer.Sanitize(html);
    }

    /// <summary>The markup with empty cells instead of empty headers: a table's corner is the header of nothing.</summary>
    public static string WithoutEmptyHeaders(string html) => EmptyHeader().Replace(html, "<td$1></td>");

    [GeneratedRegex("<th(?=[ >])([^>]*)>\\s*</th>")]
    private static partial Regex EmptyHeader();

    /// <summary>Whether the markup holds nothing that <see cref="Clean"/> would take out, its styles aside: those can fetch nothing from the page.</summary>
    public static bool IsInert(string html)
    {
        // A comment that does not end would take the rest of the page along.
        if (IsDeep(html) || html.Contains("<!", StringComparison.Ordinal)) return false;
        bool inert = true;
        HtmlSanitizer sanitizer = Sanitizer();
        sanitizer.RemovingTag += (_, _) => inert = false;
        sanitizer.RemovingAttribute += (_, removed) => inert &= removed.Attribute.Name == "style";
        sanitizer.Sanitize(html);
        return inert;
    }

    private static bool IsDeep(string html)
    {
        int depth = 0, deepest = 0;
        foreach (Match tag in Tag().Matches(html))
        {
            if (VoidElements.Contains(tag.Groups[2].Value, StringComparer.OrdinalIgnoreCase)) continue;
            depth = Math.Max(0, depth + (tag.Groups[1].Length > 0 ? -1 : 1));
            deepest = Math.Max(deepest, depth);
        }

        return deepest > DeepestNesting;
    }

    [GeneratedRegex("<(/?)([A-Za-z][A-Za-z0-9]*)")]
    private static partial Regex Tag();

    private static HtmlSanitizer Sanitizer()
    {
        var sanitizer = new HtmlSanitizer { AllowDataAttributes = true };
        foreach (string element in (string[])["form", "input", "button", "select", "textarea", "option", "optgroup", "keygen"]) sanitizer.AllowedTags.Remove(element);
        sanitizer.AllowedTags.UnionWith(MathElements);
        sanitizer.AllowedTags.UnionWith(["details", "summary", "figure", "figcaption", "section", "style"]);
        sanitizer.AllowedAttributes.UnionWith(Attributes);
        sanitizer.AllowedSchemes.UnionWith(["http", "https", "mailto"]);
        sanitizer.FilterUrl += (_, url) =>
        {
            if (url.Tag.LocalName == "img" && url.OriginalUrl.StartsWith("data:image/", StringComparison.OrdinalIgnoreCase)) url.SanitizedUrl = url.OriginalUrl;
        };

        // A task list's box is drawn by Markdown and takes no input.
        sanitizer.RemovingTag += (_, removed) => removed.Cancel = removed.Tag is { LocalName: "input" } box && box.GetAttribute("type") == "checkbox" && box.HasAttribute("disabled");
        sanitizer.AllowedAttributes.UnionWith(["disabled", "checked", "type", "open"]);
        return sanitizer;
    }
}
