using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Cellar.Notebooks;
using UnetResnet.Lab.Report;
using UnetResnet.Lab.Running;

namespace UnetResnet.Tests.Lab;

public sealed partial class ReportTests : IDisposable
{
    private const string Evil = "</script><script>alert('x')</script>&";
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    private string Write(params JsonObject[] cells)
    {
        NotebookDocument notebook = NotebookDocument.Parse(Notebook.Text(cells), "01-page.ipynb");
        var result = new NotebookResult { Notebook = notebook.Name, Cells = cells.Length, Executed = cells.Length };
        RunStamp.Write(notebook, result, DateTimeOffset.UnixEpoch);
        ReportWriter.Write(Path.Combine(folder.Path, "report"), [new ReportEntry(notebook, result, folder.Path)]);
        return File.ReadAllText(Path.Combine(folder.Path, "report", "01-page.html"));
    }

    private static JsonObject WithOutput(string source, JsonObject output)
    {
        JsonObject cell = Notebook.Code(source);
        cell["outputs"]!.AsArray().Add(output);
        return cell;
    }

    private static JsonObject Display(string mimeType, JsonNode content) =>
        new() { ["data"] = new JsonObject { [mimeType] = content }, ["metadata"] = new JsonObject(), ["output_type"] = "display_data" };

    private static JsonObject Chart(string title) => Display("application/vnd.plotly.v1+json", new JsonObject
    {
        ["data"] = new JsonArray(new JsonObject { ["type"] = "scatter", ["name"] = title, ["x"] = new JsonArray(1, 2, 3), ["y"] = new JsonArray(3, 1, 2) }),
        ["layout"] = new JsonObject { ["title"] = new JsonObject { ["text"] = title } },
    });

    [Fact]
    public void Every_file_a_page_loads_lies_beside_it()
    {
        Write(Notebook.Markdown("# Page\n\n[a link out](https://example.org) is no load."), WithOutput("1", Chart("loss")));
        foreach (string page in Directory.GetFiles(Path.Combine(folder.Path, "report"), "*.html"))
        {
            string html = File.ReadAllText(page);
            Assert.Contains("default-src 'none'", html);
            MatchCollection loads = Loads().Matches(html);
            Assert.True(loads.Count >= 3);
            foreach (Match load in loads)
            {
                string target = load.Groups[1].Value;
                Assert.True(target.StartsWith("data:") || File.Exists(Path.Combine(folder.Path, "report", target)), target);
            }
        }

        string plotly = File.ReadAllText(Path.Combine(folder.Path, "report", ReportAssets.Plotly));
        Assert.StartsWith("/**\n* plotly.js v2", plotly);
        Assert.DoesNotMatch(RemoteUrl(), File.ReadAllText(Path.Combine(folder.Path, "report", ReportAssets.Style)));
        Assert.DoesNotMatch(RemoteUrl(), File.ReadAllText(Path.Combine(folder.Path, "report", ReportAssets.Script)));
    }

    [Fact]
    public void Text_from_the_notebook_cannot_become_markup()
    {
        string html = Write(
            Notebook.Code($"// {Evil}"),
            WithOutput("1", new JsonObject { ["output_type"] = "stream", ["name"] = "stdout", ["text"] = Evil }),
            WithOutput("2", new JsonObject { ["output_type"] = "error", ["ename"] = Evil, ["evalue"] = Evil, ["traceback"] = new JsonArray(Evil) }),
            WithOutput("3", Display("text/plain", Evil)),
            WithOutput("4", Chart(Evil)),
            Notebook.Markdown("## A `" + Evil + "` heading"));
        Assert.DoesNotContain("alert('x')</script>", html);
        Assert.DoesNotContain("<script>alert", html);
        Assert.Contains("alert(&#39;x&#39;)", html);
    }

    [Fact]
    public void Html_outputs_stay_as_they_are()
    {
        Assert.Contains("<div class=\"html\"><b>bold</b></div>", Write(WithOutput("1", Display("text/html", "<b>bold</b>"))));
    }

    [Fact]
    public void A_chart_keeps_its_data_and_its_title_becomes_text()
    {
        string html = Write(WithOutput("1", Chart("Loss <b>rises</b>")));
        Assert.Contains("<figcaption>Loss  rises </figcaption>", html);
        string json = Regex.Match(html, "<script type=\"application/json\">(.*?)</script>").Groups[1].Value;
        JsonNode figure = JsonNode.Parse(json)!;
        Assert.Equal(2, figure["data"]![0]!["y"]![2]!.GetValue<int>());
        Assert.Null(figure["layout"]!["title"]);
    }

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

    [ChromiumFact]
    public async Task A_browser_draws_the_charts_from_disk_without_complaint()
    {
        Write(Notebook.Markdown("# Page"), WithOutput("1", Chart("loss")));
        foreach (string page in (string[])["index.html", "01-page.html"])
        {
            (string dom, string log) = await ChromiumFactAttribute.Open(Path.Combine(folder.Path, "report", page));
            Assert.Contains("class=\"main-svg\"", dom);
            Assert.DoesNotContain("CONSOLE", log);
        }
    }

    [ChromiumFact]
    public async Task A_browser_is_kept_from_the_network_whatever_an_output_asks_for()
    {
        Write(WithOutput("1", Display("text/html", "<img src=\"http://127.0.0.1:9/x.png\"><script src=\"http://127.0.0.1:9/x.js\"></script>")));
        (_, string log) = await ChromiumFactAttribute.Open(Path.Combine(folder.Path, "report", "01-page.html"));
        Assert.Equal(2, Regex.Matches(log, "CONSOLE.*Content Security Policy").Count);
    }

    [GeneratedRegex("<(?:script|img|iframe|source|link)\\b[^>]*?\\b(?:src|href)=\"([^\"]*)\"")]
    private static partial Regex Loads();

    [GeneratedRegex("https?://|url\\(")]
    private static partial Regex RemoteUrl();
}
