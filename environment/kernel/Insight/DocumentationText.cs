using System.Text;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Cellar.Insight;

/// <summary>Writes XML documentation as text or Markdown.</summary>
/// <param name="markdown">Markdown, or else plain text.</param>
internal sealed partial class DocumentationText(bool markdown)
{
    /// <summary>Summary, parameters, result and errors; with <paramref name="more"/> also the remarks.</summary>
    /// <param name="member">The <c>member</c> element.</param>
    /// <param name="more">Whether everything is wanted.</param>
    public string Of(XElement member, bool more)
    {
        var parts = new List<string>();
        Add("summary", "");
        List("param", "name", "Parameters");
        Add("returns", "Returns");
        Add("value", "Value");
        List("exception", "cref", "Exceptions");
        if (more) Add("remarks", "Remarks");
        return string.Join("\n\n", parts);

        void Add(string element, string title)
        {
            if (member.Element(element) is { } found && Text(found) is { Length: > 0 } text) parts.Add(title.Length == 0 ? text : $"{Strong(title)} {text}");
        }

        void List(string element, string attribute, string title)
        {
            string[] items = [.. member.Elements(element).Select(e => $"- {Code(Short(e.Attribute(attribute)?.Value ?? ""))}: {Text(e)}")];
            if (items.Length > 0) parts.Add($"{Strong(title)}\n\n{string.Join('\n', items)}");
        }
    }

    private string Text(XElement element)
    {
        var text = new StringBuilder();
        foreach (XNode node in element.Nodes()) text.Append(node is XText words ? Blank().Replace(words.Value, " ") : node is XElement inner ? Inline(inner) : "");
        return Paragraphs().Replace(text.ToString(), "\n\n").Trim();
    }

    private string Inline(XElement element) => element.Name.LocalName switch
    {
        "see" or "seealso" => element.Attribute("cref") is { } cref ? element.IsEmpty ? Code(Short(cref.Value)) : Text(element)
            : element.Attribute("langword") is { } word ? Code(word.Value)
            : element.Attribute("href") is { } link ? Link(link.Value, element) : Text(element),
        "paramref" or "typeparamref" => Code(element.Attribute("name")?.Value ?? ""),
        "c" => Code(element.Value),
        "code" => markdown ? $"\n\n```\n{element.Value.Trim('\n')}\n```\n\n" : $"\n\n{element.Value.Trim('\n')}\n\n",
        "para" => $"\n\n{Text(element)}\n\n",
        "br" => "\n\n",
        "list" => "\n\n" + string.Concat(element.Elements("item").Select(item => $"- {Text(item)}\n")) + "\n",
        "term" => $"{Text(element)}: ",
        _ => Text(element),
    };

    private string Link(string address, XElement element) => Text(element) is not { Length: > 0 } text ? address : markdown ? $"[{text}]({address})" : $"{text} ({address})";

    private string Code(string text) => markdown ? $"`{text}`" : text;

    private string Strong(string title) => markdown ? $"**{title}**" : title + ":";

    /// <summary>The last name of an id of a declaration: <c>M:System.Console.Write(System.String)</c> is <c>Write</c>.</summary>
    private static string Short(string id)
    {
        string name = id.Split('(')[0];
        if (name.Length > 1 && name[1] == ':') name = name[2..];
        return Arity().Replace(name[(name.LastIndexOf('.') + 1)..], "");
    }

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blank();

    [GeneratedRegex(@" *\n\n\s*")]
    private static partial Regex Paragraphs();

    [GeneratedRegex(@"`+\d+")]
    private static partial Regex Arity();
}
