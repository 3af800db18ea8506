using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Cellar.Notebooks;
using UnetResnet.Lab.Report;
using UnetResnet.Lab.Results;
using UnetResnet.Notebooks;

namespace UnetResnet.Tests.Lab;

public sealed partial class ReportTests : IDisposable
{
    private const string Evil = "</script><script>alert('x')</script>&";
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    private string Write(params JsonObject[] cells) => Write(null, cells);

    private string Write(CellFailure? failure, JsonObject[] cells)
    {
        NotebookDocument notebook = NotebookDocument.Parse(Notebook.Text(cells), "01-page.ipynb");
        var result = new NotebookResult { Notebook = notebook.Name, Cells = cells.Length, Executed = cells.Length, Failure = failure };
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
    public void A_card_tells_what_the_notebook_asks_and_not_where_its_links_lead()
    {
        Write(Notebook.Markdown("# Page\n\n[Home](../README.md) · [Glossary](glossary.md) · Previous: [0 · Before](00.ipynb)\n\n**What does [batch norm](02.ipynb) do?**\n\nMore."));
        string card = Regex.Match(File.ReadAllText(Path.Combine(folder.Path, "report", "index.html")), "<article.*?</article>", RegexOptions.Singleline).Value;
        Assert.Contains("<p>What does batch norm do?</p>", card, StringComparison.Ordinal);
        Assert.DoesNotContain("Glossary", card, StringComparison.Ordinal);
    }

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

    [Trait("Category", "Reliability")]
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

    [Trait("Category", "Reliability")]
    [Fact]
    public void The_text_of_a_failure_cannot_become_markup()
    {
        string html = Write(new CellFailure(1, 1, Evil, Evil, Evil, [Evil]), [Notebook.Code("1")]);
        string text = WebUtility.HtmlEncode($"{Evil}: {Evil}");
        Assert.Contains($"<div class=\"error summary\"><strong>This run failed in <a href=\"#cell-1\">cell 1</a>.</strong><pre>{text}</pre></div>", html);
        foreach (string page in Directory.GetFiles(folder["report"], "*.html")) Assert.DoesNotContain("<script>alert", File.ReadAllText(page));
    }

    [Theory]
    [InlineData("<b>bold</b>")]
    [InlineData("<style>.a{display:grid;font-variant-numeric:tabular-nums}</style><div class=\"a\" style=\"grid-column:1/3\"><img alt=\"x\" src=\"data:image/png;base64,AA==\"></div>")]
    [InlineData("<table><thead><tr><th>x</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table>")]
    [InlineData("<details open=\"\"><summary>more</summary><p>text</p></details>")]
    public void Html_outputs_that_only_show_stay_as_they_are(string html) =>
        Assert.Contains($"<div class=\"html\">{html}</div>", Write(WithOutput("1", Display("text/html", html))));

    [Trait("Category", "Reliability")]
    [Theory]
    [InlineData("<script>document.title = 'x'</script>")]
    [InlineData("<img src=\"data:image/png;base64,AA==\" onerror=\"alert(1)\">")]
    [InlineData("<a href=\"javascript:alert(1)\">x</a>")]
    [InlineData("<iframe src=\"https://example.org\"></iframe>")]
    [InlineData("<svg><script>alert(1)</script></svg>")]
    [InlineData("<form action=\"https://example.org\"><input name=\"a\"></form>")]
    [InlineData("<svg onload=\"alert(1)\"></svg>")]
    [InlineData("<b onmouseover=\"alert(1)\">b</b>")]
    [InlineData("<a href=\"java&#9;script:alert(1)\">x</a>")]
    [InlineData("<object data=\"data:text/html,x\"></object>")]
    [InlineData("<link rel=\"stylesheet\" href=\"https://example.org/x.css\">")]
    [InlineData("<meta http-equiv=\"refresh\" content=\"0;url=https://example.org\">")]
    [InlineData("<b>one</b><!-- a comment without an end, which would take the page along")]
    [InlineData("<b>one</b><![CDATA[ x ]]>")]
    public void Html_outputs_that_act_get_a_sandboxed_frame(string html)
    {
        string page = Write(WithOutput("1", Display("text/html", html)));
        Assert.DoesNotContain(html, page);
        Assert.Contains("<iframe class=\"html\" sandbox=\"allow-scripts\" title=\"Output that runs scripts\" src=\"01-page.output-1.html\"></iframe>", page);
        string frame = File.ReadAllText(Path.Combine(folder.Path, "report", "01-page.output-1.html"));
        Assert.Contains(html, frame);
        Assert.Contains("default-src 'none'", frame);
    }

    [Trait("Category", "Reliability")]
    [Theory]
    [InlineData("Text <script>alert(1)</script> text", "script")]
    [InlineData("<script>\nalert(1)\n</script>", "script")]
    [InlineData("<img src=x onerror=alert(1)>", "onerror")]
    [InlineData("<svg onload=alert(1)></svg>", "onload")]
    [InlineData("[link](javascript:alert(1))", "javascript")]
    [InlineData("[link](JaVaScRiPt:alert%281%29)", "ript:")]
    [InlineData("<a href=\"&#106;avascript:alert(1)\">x</a>", "avascript")]
    [InlineData("<a href=\"java\nscript:alert(1)\">x</a>", "script:")]
    [InlineData("[x](data:text/html;base64,PHNjcmlwdD4=)", "data:text")]
    [InlineData("![x](data:text/html;base64,PHNjcmlwdD4=)", "data:text")]
    [InlineData("[x](vbscript:msgbox)", "vbscript")]
    [InlineData("<iframe src=\"https://example.org\"></iframe>", "iframe")]
    [InlineData("<object data=x></object><embed src=x>", "embed")]
    [InlineData("<form action=x><button>go</button></form>", "form")]
    [InlineData("<base href=\"https://example.org\">", "base")]
    [InlineData("<meta http-equiv=refresh content=\"0;url=https://example.org\">", "refresh")]
    [InlineData("<math><mtext><img src=x onerror=alert(1)></mtext></math>", "onerror")]
    [InlineData("<style>body { display: none }</style>", "style")]
    [InlineData("<style>@import url(https://example.org/x.css);</style>", "example.org")]
    [InlineData("<div style=\"position:fixed;inset:0;z-index:9;background:url(https://example.org/x)\">x</div>", "fixed")]
    [InlineData("<div style=\"background:url(javascript:alert(1))\">x</div>", "javascript")]
    [InlineData("<p style=\"width:expression(alert(1))\">x</p>", "expression")]
    [InlineData("<a href=\"java&#9;script:alert(1)\">x</a>", "script:")]
    [InlineData("<a href=\"java&Tab;script&colon;alert(1)\">x</a>", "script:")]
    [InlineData("<a href=\"&#x01;javascript:alert(1)\">x</a>", "javascript")]
    [InlineData("<a href=\" javascript:alert(1)\">x</a>", "javascript")]
    [InlineData("<a href=\"data:text/html,<script>alert(1)</script>\">x</a>", "data:")]
    [InlineData("<a href=\"blob:https://example.org/1\">x</a>", "blob:")]
    [InlineData("<img src=\"data:text/html,x\">", "data:")]
    [InlineData("<img src=\"file:///etc/hostname\">", "file:")]
    [InlineData("<img srcset=\"https://example.org/x.png 2x\">", "srcset")]
    [InlineData("<b onmouseover=alert(1) ONFOCUS='alert(1)' tabindex=0>b</b>", "alert")]
    [InlineData("<input type=checkbox disabled onfocus=alert(1) autofocus formaction=x>", "alert")]
    [InlineData("<svg><animate onbegin=alert(1)></svg>", "alert")]
    [InlineData("<svg><a xlink:href=\"javascript:alert(1)\">x</a></svg>", "javascript")]
    [InlineData("<math href=\"javascript:alert(1)\">x</math>", "javascript")]
    [InlineData("<video src=x onerror=alert(1)></video><audio src=x onerror=alert(1)></audio>", "alert")]
    [InlineData("<details open ontoggle=alert(1)>x</details>", "alert")]
    [InlineData("<iframe srcdoc=\"<script>alert(1)</script>\"></iframe>", "alert")]
    [InlineData("<template><script>alert(1)</script></template>", "alert")]
    [InlineData("<svg></p><style><a id=\"</style><img src=x onerror=alert(1)>\">", "<img src=\"x\" onerror")]
    [InlineData("[x]: javascript:alert(1)\n\n[x]", "javascript")]
    [InlineData("<javascript:alert(1)>", "href=\"javascript")]
    [InlineData("<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">", "<img src=\"x\" onerror")]
    public void Markdown_can_show_and_not_act(string markdown, string gone) =>
        Assert.DoesNotContain(gone, new Prose(folder.Path).ToHtml("Before.\n\n" + markdown + "\n\nAfter."), StringComparison.OrdinalIgnoreCase);

    /// <summary>The policy names a number that is drawn for each page, and no script without it runs; what is no script needs none.</summary>
    [Fact]
    [Trait("Category", "Reliability")]
    public void Scripts_of_a_page_carry_its_own_number_and_the_policy_lets_no_other_run()
    {
        Write(Notebook.Markdown("# Page\n\n<script nonce=\"1\">alert(1)</script>"), WithOutput("1", Chart("loss")), WithOutput("2", Display("text/html", "<script>alert(1)</script>")));
        var numbers = new List<string>();
        foreach (string name in (string[])["01-page.html", "index.html"])
        {
            string html = File.ReadAllText(folder["report", name]), policy = Regex.Match(html, "Content-Security-Policy\" content=\"([^\"]*)\"").Groups[1].Value;
            string number = Regex.Match(policy, "script-src 'nonce-([0-9A-F]{32})';").Groups[1].Value;
            Assert.NotEqual("", number);
            numbers.Add(number);
            foreach (Match script in Regex.Matches(html, "<script\\b[^>]*>"))
                Assert.True(script.Value.Contains($"nonce=\"{number}\"", StringComparison.Ordinal) || script.Value == "<script type=\"application/json\">", script.Value);
        }

        Assert.Equal(2, numbers.Distinct().Count());
    }

    /// <summary>What walks through elements walks into each: a text of a hundred thousand of them must not take the stack along, and the summary of the run with it.</summary>
    [Trait("Category", "Reliability")]
    [Fact]
    public void Texts_and_outputs_that_are_nested_far_too_deeply_do_not_end_the_report()
    {
        string Deep(string element) => string.Concat(Enumerable.Repeat(element, 100_000));
        string html = Deep("<div>") + "middle", quotes = Deep("> ")[..20_000] + "middle", lists = Deep("- ")[..20_000] + "middle";
        string page = Write(
            Notebook.Markdown("# Page"), Notebook.Markdown(html), Notebook.Markdown(quotes), Notebook.Markdown(lists), WithOutput("1", Display("text/html", html)), WithOutput("2", Display("text/markdown", quotes)),
            Notebook.Markdown("The end."));
        Assert.Contains("&lt;div&gt;", page);
        Assert.Contains("nested too deeply", page);
        Assert.Contains("The end.", page);
        Assert.Contains("middle", File.ReadAllText(folder["report", "01-page.output-1.html"]));
        Assert.Contains("<br", new Prose(folder.Path).ToHtml(string.Concat(Enumerable.Repeat("a<br>", 2000))));
    }

    /// <summary>A file under a picture's name that cannot be read, or never ends, stays a link.</summary>
    [Trait("Category", "Reliability")]
    [Fact]
    public void Pictures_that_cannot_be_read_stay_links()
    {
        if (OperatingSystem.IsWindows()) return;
        using (var made = System.Diagnostics.Process.Start("mkfifo", folder["pipe.png"])) made.WaitForExit();
        File.CreateSymbolicLink(folder["device.png"], "/dev/zero");
        File.CreateSymbolicLink(folder["circle.png"], folder["circle.png"]);
        Directory.CreateDirectory(folder["folder.png"]);
        string html = new Prose(folder.Path).ToHtml("![a](pipe.png) ![b](device.png) ![c](circle.png) ![d](folder.png) ![e](absent.png)");
        foreach (string name in (string[])["pipe", "device", "circle", "folder", "absent"]) Assert.Contains($"src=\"{name}.png\"", html);
    }

    [Fact]
    public void Times_that_are_none_are_left_out()
    {
        foreach (JsonNode times in (JsonNode[])[new JsonObject { ["iopub.execute_input"] = "yesterday", ["shell.execute_reply"] = 7 }, JsonValue.Create("never")])
        {
            JsonObject cell = Notebook.Code("1");
            cell["metadata"]!["execution"] = times;
            Assert.Contains("<span class=\"time\"></span>", Write(cell));
        }
    }

    [Fact]
    public void Markdown_keeps_what_only_shows()
    {
        string html = new Prose(folder.Path).ToHtml("<details><summary>More</summary>\n\n**Bold**, <kbd>Tab</kbd>, `x<y`, $\\frac{a}{2}$\n\n</details>\n\n- [x] done\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n"
            + "<div style=\"text-align:center\">middle</div>\n\n[out](https://example.org/?a=1&b=2) [mail](mailto:a@example.org)\n\n```csharp\nvar x = 1;\n```");
        foreach (string part in (string[])["<details>", "<summary>More</summary>", "<strong>Bold</strong>", "<kbd>Tab</kbd>", "<code>x&lt;y</code>", "<mfrac>", "type=\"checkbox\"", "<table>",
            "text-align: center", "href=\"https://example.org/?a=1&amp;b=2\"", "href=\"mailto:a@example.org\"", "<span class=\"c-keyword\">var</span>"])
            Assert.Contains(part, html);
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

    private static JsonObject Tagged(JsonObject cell, params string[] tags)
    {
        cell["metadata"]!["tags"] = new JsonArray([.. tags.Select(tag => (JsonNode)tag)]);
        return cell;
    }

    [Fact]
    public void Solutions_and_set_ups_are_folded_and_what_is_hidden_in_an_editor_is_hidden_here()
    {
        JsonObject hidden = WithOutput("int z = 3;", Display("text/plain", "three"));
        hidden["metadata"]!["jupyter"] = new JsonObject { ["source_hidden"] = true, ["outputs_hidden"] = true };
        string html = Write(Notebook.Code("#r \"a.dll\""), WithOutput("int x = 1;", Display("text/plain", "one")), Tagged(WithOutput("int y = 2;", Display("text/plain", "two")), "solution"), hidden);
        string[] cells = html.Split("<section class=\"cell\"")[1..];
        Assert.Contains("<details class=\"code\"><summary>", cells[0]);
        Assert.Contains("<details class=\"code\" open>", cells[1]);
        Assert.DoesNotContain("<details class=\"folded\">", cells[1]);
        Assert.Contains("<details class=\"folded\"><summary>What the solution shows</summary><div class=\"output\"><pre class=\"result\">two</pre>", cells[2]);
        Assert.Contains("<b>Solution</b>", cells[2]);
        Assert.Contains("<details class=\"code\"><summary>", cells[3]);
        Assert.Contains("<details class=\"folded\"><summary>Output</summary>", cells[3]);
    }

    [Fact]
    public void Checks_are_one_line_and_logs_of_epochs_their_last()
    {
        JsonObject Check(bool passed)
        {
            var line = new CheckLine(passed, "IoU", "0.95");
            return new JsonObject { ["data"] = new JsonObject { ["text/html"] = line.ToHtml(), ["text/plain"] = line.ToString() }, ["metadata"] = new JsonObject(), ["output_type"] = "display_data" };
        }

        JsonObject good = Notebook.Code("1"), bad = Notebook.Code("2"), log = Notebook.Code("3");
        foreach (int _ in Enumerable.Range(0, 9)) good["outputs"]!.AsArray().Add(Check(true));
        foreach (bool passed in (bool[])[true, false]) bad["outputs"]!.AsArray().Add(Check(passed));
        log["outputs"]!.AsArray().Add(new JsonObject { ["output_type"] = "stream", ["name"] = "stdout", ["text"] = string.Concat(Enumerable.Range(1, 16).Select(e => $"epoch {e,2}/16  loss 0.{e}\n")) });
        string html = Write(good, bad, log);
        Assert.Contains("<details class=\"checks\"><summary><span class=\"status ok\">9 checks</span></summary>", html);
        Assert.Contains("<details class=\"checks\" open><summary><span class=\"status failed\">✗ 1 of 2 checks failed</span></summary>", html);
        Assert.Contains("<details class=\"log\"><summary><code>epoch 16/16  loss 0.16</code> <span class=\"more\">15 lines before it</span></summary><pre class=\"stream stdout\">epoch  1/16", html);
    }

    [Fact]
    public void Every_page_lists_all_pages_and_the_index_of_the_search_cannot_break_out()
    {
        folder.Write("glossary.md", "# Glossary\n\n## Epoch\n\nOnce through all images.");
        string html = Write(Notebook.Markdown("# Page\n\n## A part\n\nSee the [glossary](glossary.md#Epoch). " + Evil), Notebook.Code("int answer = 42;"));
        Assert.Contains("<a class=\"page\" href=\"01-page.html\" aria-current=\"page\">Page</a><ul><li class=\"level-2\"><a href=\"#a-part\">A part</a></li></ul>", html);
        Assert.Contains("<a class=\"page\" href=\"glossary.html\">Glossary</a>", html);
        Assert.Contains("href=\"glossary.html#epoch\"", html);
        Assert.Contains("href=\"#a-part\" aria-label=\"Link to A part\"", html);
        Assert.Contains("Once through all images.", File.ReadAllText(Path.Combine(folder.Path, "report", "glossary.html")));
        string script = File.ReadAllText(Path.Combine(folder.Path, "report", ReportAssets.SearchIndex));
        Assert.DoesNotContain("</script", script);
        JsonArray sections = JsonNode.Parse(script["window.searchIndex = ".Length..].TrimEnd('\n', ';'))!.AsArray();
        JsonNode part = Assert.Single(sections, s => (string?)s!["id"] == "epoch" && (string?)s["page"] == "glossary.html")!;
        Assert.Contains("Once through all images.", (string?)part["text"]);
        Assert.Contains(sections, s => ((string?)s!["text"])!.Contains("int answer = 42;", StringComparison.Ordinal));
    }

    [Fact]
    public void Empty_cells_of_a_tables_head_are_no_headers()
    {
        string html = Write(Notebook.Markdown("| | |\n|---|--:|\n| a | 1 |"), WithOutput("1", Display("text/html", "<table><tr><th align=\"left\"></th><th>x</th></tr></table>")));
        Assert.DoesNotMatch("<th[^>]*></th>", html);
        Assert.Contains("<td align=\"left\"></td><th>x</th>", html);
    }

    [Fact]
    public void A_drawing_for_light_and_dark_follows_the_page_and_cannot_act()
    {
        string html = Write(WithOutput("1", Display("image/svg+xml", Diagram.Statistics().ToSvg())));
        Assert.DoesNotContain("<svg", html);
        string[] drawings = [.. Regex.Matches(html, "<img class=\"picture (light|dark)-only\" alt=\"[^\"]*\" src=\"data:image/svg\\+xml;base64,([^\"]*)\"").Select(m => System.Text.Encoding.UTF8.GetString(Convert.FromBase64String(m.Groups[2].Value)))];
        Assert.Equal(["@media not all{", "@media all{"], drawings.Select(d => Regex.Match(d, "@media [^{]*{").Value));
    }

    [Fact]
    public void A_chart_keeps_the_room_above_it_for_more_than_its_title()
    {
        var runs = new Dictionary<string, UnetResnet.Training.TrainingHistory> { ["left"] = UnetResnet.Tests.Notebooks.Histories.Of(2), ["a name that takes more than one line of the panel above which it stands"] = UnetResnet.Tests.Notebooks.Histories.Of(2) };
        JsonObject figure = ChartFigure.Of(Charts.Panels(runs, HistoryMetric.Loss, "t"));
        string json = Regex.Match(Write(WithOutput("1", Display("application/vnd.plotly.v1+json", figure))), "<script type=\"application/json\">(.*?)</script>").Groups[1].Value;
        Assert.True((double)JsonNode.Parse(json)!["layout"]!["margin"]!["t"]! >= 16 + 2 * 16);
    }

    [ChromiumFact]
    public async Task In_a_browser_the_search_finds_a_slider_moves_and_paper_has_every_chart()
    {
        string address = "file://" + Path.Combine(folder.Path, "report", "01-page.html");
        JsonObject slider = ChartFigure.Of(UnetResnet.Tests.Notebooks.InteractiveChartsTests.Clock().MomentumSlider([0.01, 0.1]));
        Write([Notebook.Markdown("# Page\n\n## A part\n\nAbout hedgehogs."), WithOutput("1", Display("application/vnd.plotly.v1+json", slider)),
            .. Enumerable.Range(0, 60).Select(i => Notebook.Markdown($"Paragraph {i}.")), WithOutput("2", Chart("far below"))]);
        await using Chromium browser = await Chromium.OpenAsync(address);
        Assert.True(await browser.WaitAsync("document.querySelector('.plot').on && window.searchIndex", TimeSpan.FromMinutes(1)));
        await browser.EvaluateAsync("const f = document.querySelector('.search input'); f.value = 'hedgehogs'; f.dispatchEvent(new Event('input')); 0");
        Assert.Equal("01-page.html#a-part", (string?)await browser.EvaluateAsync("document.querySelector('.found a').getAttribute('href')"));

        Assert.StartsWith("Momentum 0.1:", (string?)await browser.EvaluateAsync("document.querySelector('figcaption').textContent"));
        await browser.EvaluateAsync("const p = document.querySelector('.plot'); const s = p._fullLayout.sliders[0]; p.emit('plotly_sliderchange', { slider: s, step: s.steps[0] }); 0");
        Assert.StartsWith("Momentum 0.01:", (string?)await browser.EvaluateAsync("document.querySelector('figcaption').textContent"));

        Assert.Equal(1, (await browser.EvaluateAsync("document.querySelectorAll('.plot .main-svg').length > 0 ? document.querySelectorAll('.plot:has(.main-svg)').length : 0"))!.GetValue<int>());
        Assert.True((await browser.PrintAsync()).Length > 20_000);
        Assert.Equal(2, (await browser.EvaluateAsync("document.querySelectorAll('.plot:has(.main-svg)').length"))!.GetValue<int>());
    }

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

    [Trait("Category", "Reliability")]
    [ChromiumFact]
    public async Task In_a_browser_an_output_acts_in_its_frame_alone_and_Markdown_not_at_all()
    {
        const string Acting = "<div id=out style='height:211px'>before</div><script>document.getElementById('out').textContent = 'acted'; try { parent.document.title = 'taken'; } catch { }</script>";
        Write(Notebook.Markdown("# Page\n\n<script>document.title = 'taken'</script><img src=x onerror=\"document.title = 'taken'\">"), WithOutput("1", Display("text/html", Acting)));
        await using Chromium browser = await Chromium.OpenAsync("file://" + Path.Combine(folder.Path, "report", "01-page.html"));
        // Only the frame's own script can have told its height.
        Assert.True(await browser.WaitAsync("document.querySelector('iframe.html').style.height === '211px'", TimeSpan.FromMinutes(1)));
        Assert.DoesNotContain("taken", (await browser.EvaluateAsync("document.title"))!.ToString());
    }

    [Trait("Category", "Reliability")]
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
