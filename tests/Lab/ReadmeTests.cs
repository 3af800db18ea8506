using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Cellar.Engine;
using Cellar.Notebooks;
using UnetResnet.Runtime;

namespace UnetResnet.Tests.Lab;

public class ReadmeTests
{
    /// <summary>The engine refers to what lab refers to, so that the sample needs no more than a reader's project would.</summary>
    [Fact]
    public async Task The_sample_compiles_and_runs()
    {
        string root = Directory.GetParent(BundledFiles.Root)!.FullName;
        Match sample = Assert.Single(Regex.Matches(File.ReadAllText(Path.Combine(root, "README.md")), "```csharp\n(.*?)```", RegexOptions.Singleline));
        string library = typeof(BundledFiles).Assembly.Location, torch = typeof(TorchSharp.torch).Assembly.Location;
        using var engine = new NotebookEngine(root);
        CellResult result = await engine.ExecuteAsync($"#r \"{library}\"\n#r \"{torch}\"\n{sample.Groups[1].Value}\nhistory.Count", "README", _ => { }, TimeSpan.FromMinutes(5), default);
        Assert.True(result.Succeeded, string.Join('\n', result.Error?.Traceback ?? []));
    }

    [Fact]
    public void The_picture_is_the_chart_of_notebook_1_and_its_words_have_the_charts_figures()
    {
        string root = Directory.GetParent(BundledFiles.Root)!.FullName;
        NotebookDocument notebook = NotebookDocument.Load(Path.Combine(root, "notebooks", "01-the-question.ipynb"));
        JsonObject chart = notebook.Cells.Where(c => c.IsCode).SelectMany(c => c.Outputs).Select(o => o?["data"] as JsonObject)
            .First(d => d?["image/png"] is not null && NotebookCell.Joined(d["text/plain"]).Contains("training images in inference mode", StringComparison.Ordinal))!;
        Match picture = Regex.Match(File.ReadAllText(Path.Combine(root, "README.md")), @"!\[(.*?)\]\((notebooks/images/collapse\.png)\)");
        Assert.True(picture.Success, "README.md shows no collapse.png");
        Assert.Equal(Convert.FromBase64String(NotebookCell.Joined(chart["image/png"]).ReplaceLineEndings("")), File.ReadAllBytes(Path.Combine(root, picture.Groups[2].Value)));

        Match figures = Regex.Match(NotebookCell.Joined(chart["text/plain"]), @"training ([\d.]+) → ([\d.]+).*?; validation [\d.]+ → ([\d.]+) \(\d+ points, lowest ([\d.]+) at (\d+)");
        Assert.True(figures.Success, "the chart's summary has another form");
        string Rounded(int group) => double.Parse(figures.Groups[group].Value, CultureInfo.InvariantCulture).ToString("0.00", CultureInfo.InvariantCulture);
        Assert.StartsWith(
            $"Training loss falls from {Rounded(1)} to {Rounded(2)}; validation loss falls to {Rounded(4)} in epoch {figures.Groups[5].Value} and rises to {Rounded(3)}",
            picture.Groups[1].Value, StringComparison.Ordinal);
    }
}
