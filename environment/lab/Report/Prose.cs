using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Cellar.Notebooks;
using Markdig;
using Markdig.Extensions.Mathematics;
using Markdig.Renderers;
using Markdig.Renderers.Html;
using Markdig.Syntax;
using Markdig.Syntax.Inlines;

namespace UnetResnet.Lab.Report;

/// <summary>A heading, for the table of contents.</summary>
/// <param name="Level">1 to 6.</param>
/// <param name="Id">Anchor on the page.</param>
/// <param name="Text">As plain text.</param>
internal sealed record Heading(int Level, string Id, string Text);

/// <summary>Turns the Markdown of one notebook into HTML that stands alone: pictures go inside, links between notebooks lead to their pages,
/// and nothing in it can act, whatever HTML it holds.</summary>
/// <param name="folder">The notebook's folder, which relative paths start from.</param>
internal sealed partial class Prose(string folder)
{
    private static readonly MarkdownPipeline Pipeline = new MarkdownPipelineBuilder()
        .UsePipeTables().UseGridTables().UseFootnotes().UseEmphasisExtras().UseMathematics().UseTaskLists().UseAutoLinks().UseDefinitionLists().UseAlertBlocks()
        .Build();

    private readonly HashSet<string> ids = [];
    private int documents;

    /// <summary>The headings so far, in order.</summary>
    public List<Heading> Headings { get; } = [];

    /// <summary>Turns one cell into HTML.</summary>
    public string ToHtml(string markdown, JsonObject? attachments = null)
    {
        MarkdownDocument document = Parse(markdown);
        foreach (HeadingBlock heading in document.Descendants<HeadingBlock>())
        {
            var entry = new Heading(heading.Level, UniqueId(PlainText(heading.Inline)), PlainText(heading.Inline));
            Headings.Add(entry);
            heading.GetAttributes().Id = entry.Id;
            heading.Inline?.AppendChild(new HtmlInline($"<a class=\"anchor\" href=\"#{Html.Escape(entry.Id)}\" aria-label=\"Link to {Html.Escape(entry.Text)}\">#</a>"));
        }

        foreach (LinkInline link in document.Descendants<LinkInline>()) link.Url = link.IsImage ? Inside(link.Url, attachments) : LinkTarget(link.Url);

        using var writer = new StringWriter();
        var renderer = new HtmlRenderer(writer);
        Pipeline.Setup(renderer);
        renderer.ObjectRenderers.ReplaceOrAdd<CodeBlockRenderer>(new CodeRenderer());
        renderer.ObjectRenderers.ReplaceOrAdd<HtmlMathInlineRenderer>(new MathInlineRenderer());
        renderer.ObjectRenderers.ReplaceOrAdd<HtmlMathBlockRenderer>(new MathBlockRenderer());
        renderer.Render(document);

        // Each cell is a document of its own and numbers its footnotes from 1.
        documents++;
        string html = FootnoteId().Replace(SafeHtml.WithoutEmptyHeaders(SafeHtml.Clean(writer.ToString())), $"$1c{documents}-$2");
        return html.Replace("<table>", "<div class=\"table\"><table>").Replace("</table>", "</table></div>");
    }

    /// <summary>A text of a million quotes one in the other is a broken text; the others are shown.</summary>
    private static MarkdownDocument Parse(string markdown)
    {
        try
        {
            return Markdown.Parse(markdown, Pipeline);
        }
        catch (ArgumentException)
        {
            return Markdown.Parse("(This text is nested too deeply to be shown.)", Pipeline);
        }
    }

    /// <summary>The first paragraph of a text, without markup; null where it has none.</summary>
    public static string? FirstParagraph(string markdown) =>
        Parse(markdown).OfType<ParagraphBlock>().Where(p => !IsNavigation(p.Inline)).Select(p => PlainText(p.Inline)).FirstOrDefault(t => t.Length > 0);

    // A row of links says where one can go, not what the text is about.
    private static bool IsNavigation(ContainerInline? inline) =>
        inline?.OfType<LinkInline>().Count(link => !link.IsImage) >= 2 && inline.OfType<LiteralInline>().All(between => between.Content.ToString().Trim(' ', '·', '|') is "" or [.., ':']);

    /// <summary>A text without markup, for the search.</summary>
    public static string PlainText(string markdown) => string.Join(' ', Parse(markdown).Descendants<LeafBlock>()
        .Select(block => block.Inline is { } inline ? PlainText(inline) : block is CodeBlock code ? code.Lines.ToString() : "").Where(text => text.Length > 0));

    private static string PlainText(ContainerInline? inline)
    {
        var text = new StringBuilder();
        foreach (Inline part in inline?.Descendants() ?? [])
        {
            text.Append(part switch
            {
                LiteralInline literal => literal.Content.ToString(),
                CodeInline code => code.Content,
                MathInline math => math.Content.ToString(),
                HtmlEntityInline entity => entity.Transcoded.ToString(),
                LineBreakInline => " ",
                _ => "",
            });
        }

        return text.ToString().Trim();
    }

    private string UniqueId(string heading)
    {
        string slug = NotInSlug().Replace(heading.ToLowerInvariant().Replace(' ', '-'), "");
        string id = slug.Length == 0 ? "section" : slug;
        for (int i = 2; !ids.Add(id); i++) id = $"{slug}-{i}";
        return id;
    }

    /// <summary>A picture's file or attachment as data, so that the page needs no other file.</summary>
    private string? Inside(string? url, JsonObject? attachments)
    {
        if (url is null) return null;
        if (url.StartsWith("attachment:", StringComparison.Ordinal))
        {
            return attachments?[Uri.UnescapeDataString(url["attachment:".Length..])] is JsonObject { Count: > 0 } picture
                ? $"data:{picture.First().Key};base64,{NotebookCell.Joined(picture.First().Value).ReplaceLineEndings("")}"
                : url;
        }

        string path = Path.Combine(folder, Uri.UnescapeDataString(url));
        string? mimeType = Path.GetExtension(path).ToLowerInvariant() switch
        {
            ".png" => "image/png",
            ".jpg" or ".jpeg" => "image/jpeg",
            ".gif" => "image/gif",
            ".svg" => "image/svg+xml",
            ".webp" => "image/webp",
            _ => null,
        };
        return mimeType is not null && Content(path) is { } content ? $"data:{mimeType};base64,{Convert.ToBase64String(content)}" : url;
    }

    /// <summary>A file's bytes; null where it cannot be read. Pipes and devices have no length, and reading one may never end.</summary>
    private static byte[]? Content(string path)
    {
        try
        {
            return new FileInfo(path) is { Exists: true, Length: > 0 } file && (file.ResolveLinkTarget(returnFinalTarget: true) is not FileInfo { Length: 0 }) ? File.ReadAllBytes(path) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string? LinkTarget(string? url)
    {
        if (url is null || url.Contains("://") || url.StartsWith("mailto:", StringComparison.OrdinalIgnoreCase)) return url;
        if (url.StartsWith('#')) return url.ToLowerInvariant();
        return NotebookLink().Replace(url, m => m.Groups[1].Value + ".html" + m.Groups[2].Value.ToLowerInvariant());
    }

    [GeneratedRegex(@"^(?:\./)?([^/?#]+)\.(?:ipynb|md)(#.*)?$")]
    private static partial Regex NotebookLink();

    [GeneratedRegex(@"[^\p{L}\p{N}_-]")]
    private static partial Regex NotInSlug();

    [GeneratedRegex("""((?:id="|href="#))(fn(?:ref)?:)""")]
    private static partial Regex FootnoteId();

    private sealed class CodeRenderer : CodeBlockRenderer
    {
        protected override void Write(HtmlRenderer renderer, CodeBlock block)
        {
            string code = block.Lines.ToString();
            bool csharp = block is FencedCodeBlock { Info: "csharp" or "cs" or "c#" or "C#" };
            renderer.Write("<pre class=\"source\"><code>").Write(csharp ? CSharpHighlighter.ToHtml(code) : Html.Escape(code)).WriteLine("</code></pre>");
        }
    }

    private sealed class MathInlineRenderer : HtmlObjectRenderer<MathInline>
    {
        protected override void Write(HtmlRenderer renderer, MathInline math) => renderer.Write(MathMarkup.ToHtml(math.Content.ToString(), block: false));
    }

    private sealed class MathBlockRenderer : HtmlObjectRenderer<MathBlock>
    {
        protected override void Write(HtmlRenderer renderer, MathBlock math) => renderer.WriteLine(MathMarkup.ToHtml(math.Lines.ToString(), block: true));
    }
}
