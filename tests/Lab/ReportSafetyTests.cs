using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using UnetResnet.Lab.Report;
using UnetResnet.Lab.Results;

namespace UnetResnet.Tests.Lab;

/// <summary>What a notebook's author or a cell's output puts into a page: it can show and not act, and nothing in it ends the report.</summary>
[Trait("Category", "Reliability")]
public sealed class ReportSafetyTests : ReportTest
{
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

    [Fact]
    public void Markdown_keeps_what_only_shows()
    {
        string html = new Prose(folder.Path).ToHtml("<details><summary>More</summary>\n\n**Bold**, <kbd>Tab</kbd>, `x<y`, $\\frac{a}{2}$\n\n</details>\n\n- [x] done\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n"
            + "<div style=\"text-align:center\">middle</div>\n\n[out](https://example.org/?a=1&b=2) [mail](mailto:a@example.org)\n\n```csharp\nvar x = 1;\n```");
        foreach (string part in (string[])["<details>", "<summary>More</summary>", "<strong>Bold</strong>", "<kbd>Tab</kbd>", "<code>x&lt;y</code>", "<mfrac>", "type=\"checkbox\"", "<table>",
            "text-align: center", "href=\"https://example.org/?a=1&amp;b=2\"", "href=\"mailto:a@example.org\"", "<span class=\"c-keyword\">var</span>"])
            Assert.Contains(part, html);
    }

    /// <summary>The policy names a number that is drawn for each page, and no script without it runs; what is no script needs none.</summary>
    [Fact]
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

    [ChromiumFact]
    public async Task A_browser_is_kept_from_the_network_whatever_an_output_asks_for()
    {
        Write(WithOutput("1", Display("text/html", "<img src=\"http://127.0.0.1:9/x.png\"><script src=\"http://127.0.0.1:9/x.js\"></script>")));
        (_, string log) = await ChromiumFactAttribute.Open(Path.Combine(folder.Path, "report", "01-page.html"));
        Assert.Equal(2, Regex.Matches(log, "CONSOLE.*Content Security Policy").Count);
    }
}
