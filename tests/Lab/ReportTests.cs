using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using UnetResnet.Lab.Report;
using UnetResnet.Notebooks;

namespace UnetResnet.Tests.Lab;

/// <summary>A page of the report: what it shows, folds and lists, and what it loads.</summary>
public sealed partial class ReportTests : ReportTest
{
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
    public void A_chart_keeps_its_data_and_its_title_becomes_text()
    {
        string html = Write(WithOutput("1", Chart("Loss <b>rises</b>")));
        Assert.Contains("<figcaption>Loss  rises </figcaption>", html);
        string json = Regex.Match(html, "<script type=\"application/json\">(.*?)</script>").Groups[1].Value;
        JsonNode figure = JsonNode.Parse(json)!;
        Assert.Equal(2, figure["data"]![0]!["y"]![2]!.GetValue<int>());
        Assert.Null(figure["layout"]!["title"]);
    }

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

    [GeneratedRegex("<(?:script|img|iframe|source|link)\\b[^>]*?\\b(?:src|href)=\"([^\"]*)\"")]
    private static partial Regex Loads();

    [GeneratedRegex("https?://|url\\(")]
    private static partial Regex RemoteUrl();
}
