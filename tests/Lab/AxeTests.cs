using System.Text.Json.Nodes;
using Cellar.Notebooks;
using UnetResnet.Lab.Report;
using UnetResnet.Lab.Results;
using UnetResnet.Runtime;

namespace UnetResnet.Tests.Lab;

/// <summary>Every page of the report of the committed notebooks, asked by axe-core for what keeps people with disabilities out, and whether it fits the window.</summary>
public sealed class AxeTests(CommittedReport report) : IClassFixture<CommittedReport>
{
    [AxeTheory]
    [InlineData(1280, false)]
    [InlineData(1280, true)]
    [InlineData(390, false)]
    [InlineData(390, true)]
    public async Task No_page_has_a_violation(int width, bool dark)
    {
        string[] violations = [.. (await report.ViolationsAsync(width)).Where(v => v.Dark == dark).Select(v => v.Text)];
        Assert.True(violations.Length == 0, string.Join('\n', violations));
    }
}

/// <summary>What is wrong with a page where a reader's system wants light pages, or dark ones.</summary>
internal sealed record PageViolation(bool Dark, string Text);

/// <summary>The report of the committed notebooks, written when its pages are asked for first.</summary>
public sealed class CommittedReport : IDisposable
{
    private static readonly string Root = Directory.GetParent(BundledFiles.Root)!.FullName;
    private readonly TemporaryFolder folder = new();
    private readonly Dictionary<int, Task<PageViolation[]>> violations = [];
    private string[] pages = [];

    /// <summary>Its pages, without those that a page shows within itself.</summary>
    private string[] Pages => pages.Length > 0 ? pages : pages = Written();

    /// <summary>
    /// What is wrong with its pages in a window of a width, light and dark. A page is opened once for both: it follows its reader's system. Not so the width, by which some
    /// things are decided when it is opened.
    /// </summary>
    internal Task<PageViolation[]> ViolationsAsync(int width) => violations.TryGetValue(width, out Task<PageViolation[]>? known) ? known : violations[width] = AskAsync(width);

    public void Dispose() => folder.Dispose();

    private async Task<PageViolation[]> AskAsync(int width)
    {
        // A page keeps one core busy, so that several browsers share them.
        int browsers = Math.Clamp(Environment.ProcessorCount, 1, 4);
        string[] all = Pages;
        PageViolation[][] found = await Task.WhenAll(Enumerable.Range(0, browsers).Select(first => Task.Run(() => AskAsync(all.Where((_, place) => place % browsers == first), width))));
        return [.. found.SelectMany(some => some)];
    }

    private static async Task<PageViolation[]> AskAsync(IEnumerable<string> pages, int width)
    {
        string axe = File.ReadAllText(AxeTheoryAttribute.Script);
        await using Chromium browser = await Chromium.OpenAsync("about:blank");
        var violations = new List<PageViolation>();
        foreach (string page in pages)
        {
            string name = Path.GetFileName(page);
            await browser.EmulateAsync(width, 900, dark: false);
            await browser.GoAsync(new Uri(page).AbsoluteUri);
            Assert.True(await browser.WaitAsync($"document.readyState === 'complete' && location.pathname.endsWith('/{name}')", TimeSpan.FromMinutes(1)), page);
            foreach (bool dark in (bool[])[false, true])
            {
                await ThemeAsync(dark);
                // Nothing is wider than the window but what scrolls by itself, and of a drawing for light and for dark pages one is seen.
                JsonNode? seen = await browser.EvaluateAsync("({ over: document.documentElement.scrollWidth - document.documentElement.clientWidth, drawings: document.querySelectorAll('.light-only').length, "
                    + "seen: [...document.querySelectorAll('.light-only, .dark-only')].filter(d => getComputedStyle(d).display !== 'none').map(d => d.classList.contains('dark-only')) })");
                if (seen!["over"]!.GetValue<int>() > 0) violations.Add(new(dark, $"{name}: {seen["over"]} px wider than the window"));
                if (seen["seen"]!.AsArray().Select(d => d!.GetValue<bool>()).ToArray() is var drawings && (drawings.Length != seen["drawings"]!.GetValue<int>() || drawings.Any(d => d != dark)))
                    violations.Add(new(dark, $"{name}: {drawings.Length} of {seen["drawings"]} drawings are seen, or those for the other setting"));
            }

            // What is folded is asked too.
            await browser.EvaluateAsync("for (const details of document.querySelectorAll('details')) details.open = true");
            await browser.EvaluateAsync(axe + ";0");
            foreach (bool dark in (bool[])[true, false])
            {
                await ThemeAsync(dark);
                // Of what passes, one example is enough: naming every element takes most of the time.
                JsonNode? found = await browser.EvaluateAsync("axe.run({ resultTypes: ['violations'] }).then(r => r.violations.flatMap(v => v.nodes.slice(0, 3).map(n => v.id + ': ' + n.html.slice(0, 160) + ' ' + n.failureSummary)))");
                violations.AddRange(found!.AsArray().Select(v => new PageViolation(dark, $"{name}: {v}")));
            }

            async Task ThemeAsync(bool dark)
            {
                await browser.EmulateAsync(width, 900, dark);
                Assert.True(await browser.WaitAsync($"document.documentElement.dataset.theme === '{(dark ? "dark" : "light")}'", TimeSpan.FromMinutes(1)), page);
            }
        }

        return [.. violations];
    }

    private string[] Written()
    {
        string[] paths = [.. Directory.GetFiles(Path.Combine(Root, "notebooks"), "*.ipynb").Order(StringComparer.Ordinal)];
        ReportWriter.Write(folder.Path, [.. paths.Select(path => NotebookDocument.Load(path)).Zip(paths).Select(n => new ReportEntry(n.First, RunStamp.Read(n.First), Path.GetDirectoryName(n.Second)!))]);
        string[] written = [.. Directory.GetFiles(folder.Path, "*.html").Where(page => !page.Contains(".output-", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
        Assert.True(written.Length > paths.Length);
        return written;
    }
}
