using System.Text.Json.Nodes;

namespace UnetResnet.Tests.DotnetInteractive;

/// <summary>Notebooks in .NET Interactive, with the FSharp.Core that it brings: what it asserts holds, and its charts are there.</summary>
[Collection("kernels")]
public sealed class NotebookTests(DotnetInteractive interactive) : IClassFixture<DotnetInteractive>
{
    /// <summary>
    /// Those that together use every room of the library, or with <c>UNETRESNET_TEST_NOTEBOOKS=all</c>, as <c>.ci/course</c> says it, all: they take longer than the other
    /// tests together.
    /// </summary>
    public static TheoryData<string> Notebooks => Environment.GetEnvironmentVariable("UNETRESNET_TEST_NOTEBOOKS") == "all"
        ? [.. Directory.GetFiles(DotnetInteractive.Repository("notebooks"), "*.ipynb").Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal)]
        : ["02-batch-norm-from-scratch.ipynb", "04-how-far-is-each-layer.ipynb", "06-the-doctor.ipynb", "08-recalibrate.ipynb", "12-where-weights-come-from.ipynb"];

    [DotnetInteractiveTheory]
    [MemberData(nameof(Notebooks))]
    public void A_notebook_runs_without_an_error_and_shows_what_our_kernel_shows(string name)
    {
        string notebook = DotnetInteractive.Repository("notebooks", name);
        JsonArray cells = interactive.Execute(notebook, DotnetInteractive.Repository("notebooks"));
        Assert.Empty(DotnetInteractive.Errors(cells));

        // What was committed came from our kernel: the same cells show pictures, tables and charts here.
        JsonArray ours = [.. JsonNode.Parse(File.ReadAllText(notebook))!["cells"]!.AsArray().Where(c => c!["cell_type"]!.ToString() == "code").Select(c => c!.DeepClone())];
        Assert.Equal(ours.Select(Shown), cells.Select(Shown));
        Assert.Contains(cells, c => Shown(c).Contains("application/vnd.plotly.v1+json+image/png+text/plain"));
        Assert.Contains(cells, c => Shown(c).Contains("text/html")); // a check, and the exercise that waits
    }

    /// <summary>The MIME types of what a cell displays, without plain text alone, which .NET Interactive gives as HTML where ours does not, and without its greeting.</summary>
    private static string Shown(JsonNode? cell) => string.Join(", ", cell!["outputs"]!.AsArray()
        .Where(o => o!["data"] is not null && !DotnetInteractive.Text(o["data"]!["text/html"]).Contains("dotnet-interactive-this-cell", StringComparison.Ordinal))
        .Select(o => string.Join('+', o!["data"]!.AsObject().Select(d => d.Key).Order(StringComparer.Ordinal)))
        .Where(types => types != "text/plain"));
}
