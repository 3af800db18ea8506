using System.Net;
using System.Text.RegularExpressions;
using UnetResnet.Lab.Report;

namespace UnetResnet.Tests.Lab;

/// <summary>Code, prose and formulas as html.</summary>
public sealed class ReportMarkupTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("var x = 1; // comment\n\n#r \"nuget: X\"\n#!import \"y\"\nstring s = $\"a{x + 1}b\"; var t = \"\"\"\n  raw <tag>\n  \"\"\";")]
    [InlineData("this is { not C# at ( all ' \" <")]
    [InlineData("")]
    public void Colouring_never_changes_the_code(string code)
    {
        string text = WebUtility.HtmlDecode(Regex.Replace(CSharpHighlighter.ToHtml(code), "</?span[^>]*>", ""));
        Assert.Equal(code, text);
    }

    [Fact]
    public void Code_is_coloured_by_what_it_is()
    {
        string html = CSharpHighlighter.ToHtml("var n = new Foo(1, \"a\"); Bar(); // end");
        foreach (string part in (string[])["c-keyword\">var", "c-keyword\">new", "c-type\">Foo", "c-number\">1", "c-string\">&quot;a&quot;", "c-call\">Bar", "c-comment\">// end"])
            Assert.Contains(part, html);
    }

    [Fact]
    public void Prose_stands_alone()
    {
        folder.Write("dot.png", "picture");
        var prose = new Prose(folder.Path);
        string html = prose.ToHtml("## Same\n\n## Same\n\n![dot](dot.png) [next](02-next.ipynb#Some-Part) [up](#Same)\n\nNote.[^1]\n\n[^1]: Foot.")
            + prose.ToHtml("## Same\n\nAgain.[^1]\n\n[^1]: Other foot.");
        Assert.Equal(["same", "same-2", "same-3"], prose.Headings.Select(h => h.Id));
        Assert.Contains("src=\"data:image/png;base64,cGljdHVyZQ==\"", html);
        Assert.Contains("href=\"02-next.html#some-part\"", html);
        Assert.Contains("href=\"#same\"", html);
        string[] ids = [.. Regex.Matches(html, " id=\"([^\"]*)\"").Select(m => m.Groups[1].Value)];
        Assert.Equal(ids.Distinct(), ids);
    }

    [Theory]
    [InlineData(@"\frac{a}{2}", "<mfrac><mrow><mi>a</mi></mrow><mrow><mn>2</mn></mrow></mfrac>")]
    [InlineData(@"\sigma_B^2", "<msubsup><mi>σ</mi><mi>B</mi><mn>2</mn></msubsup>")]
    [InlineData(@"\hat{x}", "<mover accent=\"true\"><mrow><mi>x</mi></mrow><mo stretchy=\"false\">^</mo></mover>")]
    [InlineData(@"\sum_{i=1}^m", "<munderover><mo>∑</mo>")]
    [InlineData(@"a < b", "<mo>&lt;</mo>")]
    public void Simple_formulas_become_MathML(string tex, string expected) => Assert.Contains(expected, MathMarkup.ToHtml(tex, block: false));

    [Theory]
    [InlineData(@"\begin{matrix} a \end{matrix}")]
    [InlineData(@"\frac{a}{")]
    [InlineData("x^")]
    public void Other_formulas_stay_as_written(string tex) => Assert.Equal($"<code class=\"math\">{tex}</code>", MathMarkup.ToHtml(tex, block: false));
}
