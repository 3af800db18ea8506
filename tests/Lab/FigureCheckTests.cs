using System.Text.Json.Nodes;
using Cellar.Notebooks;
using UnetResnet.Lab.Commands;
using UnetResnet.Lab.Results;
using UnetResnet.Lab.Running;

namespace UnetResnet.Tests.Lab;

/// <summary>Two runs of one notebook say the same.</summary>
public sealed class FigureCheckTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("IoU 0.93670", "IoU 0.93675", true)]
    [InlineData("IoU 0.9367", "IoU 0.9369", false)]
    [InlineData("1,487,616 numbers", "1,487,616 numbers", true)]
    [InlineData("1,487,616 numbers", "1,487,617 numbers", false)]
    [InlineData("at -7.9481", "at 7.9481", false)]
    [InlineData("largest 6.1e-8", "largest -1.4e-8", true)]
    [InlineData("bn4c_branch2b", "bn4d_branch2b", false)]
    [InlineData("loss 0.05  2.8 s, 46 s left", "loss 0.05  13.1 s, 1 min left", true)]
    [InlineData("one step 101 ms,  12 images", "one step  98 ms, 12 images", true)]
    [InlineData("one step 101 ms, 12 images", "one step 101 ms, 13 images", false)]
    [InlineData("✓ two", "✓ two, and more", false)]
    [InlineData("", "", true)]
    public void Words_and_figures_are_compared_and_durations_are_not(string first, string second, bool same)
    {
        Assert.Equal(same, FigureCheck.Difference(first, second) is null);
        Assert.Equal(same, FigureCheck.Difference(second, first) is null);
    }

    [Fact]
    public void The_difference_is_shown_with_what_stands_around_it() =>
        Assert.Equal("“validation IoU 0.9367 in inference mode” and “validation IoU 0.9267 in inference mode”",
            FigureCheck.Difference("validation IoU 0.9367 in inference mode", "validation IoU 0.9267 in inference mode"));

    [Fact]
    public void Charts_are_compared_by_their_points_and_clocks_exercises_and_solutions_not_at_all()
    {
        static NotebookDocument Ran(string tag, string text, double y)
        {
            JsonObject cell = Notebook.Code("Show()", [.. tag.Split(' ', StringSplitOptions.RemoveEmptyEntries)]), figure = new() { ["data"] = new JsonArray(new JsonObject { ["y"] = new JsonArray(y) }) };
            cell["id"] = "cell";
            cell["outputs"] = new JsonArray(new JsonObject { ["output_type"] = "display_data", ["metadata"] = new JsonObject(), ["data"] = new JsonObject { ["text/plain"] = text, ["application/vnd.plotly.v1+json"] = figure } });
            return NotebookDocument.Parse(Notebook.Text(cell), "01.ipynb");
        }

        Assert.Null(FigureCheck.Verify(Ran("", "Chart", 0.5), Ran("check", "Chart", 0.50001), "before"));
        CellFailure points = FigureCheck.Verify(Ran("", "Chart", 0.5), Ran("", "Chart", 0.6), "before")!;
        Assert.Equal((1, "OtherFigures"), (points.Cell, points.Name));
        Assert.Contains("0.5", points.Message, StringComparison.Ordinal);
        Assert.Contains("0.6", points.Message, StringComparison.Ordinal);
        foreach (string tag in (string[])[FigureCheck.Timing, NotebookModes.Exercise, NotebookModes.Solution])
            Assert.Contains("no cell of this notebook", FigureCheck.Verify(Ran(tag, "1", 1), Ran(tag, "2", 2), "before")!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_run_that_says_something_else_than_the_one_before_fails()
    {
        string seeded = folder.Write("seeded.ipynb", Notebook.Text(WithId(Notebook.Code("new Random(0).NextDouble()"), "a")));
        string unseeded = folder.Write("unseeded.ipynb", Notebook.Text(WithId(Notebook.Code("new Random().NextDouble()"), "a")));
        Task<int> Run(params string[] arguments) => RunCommand.Create().Parse(arguments).InvokeAsync();
        Assert.Equal(0, await Run(seeded, unseeded, "--output", folder["first"]));
        Assert.Equal(RunExitCode.Success, await Run(seeded, "--output", folder["second"], "--like", folder["first", "notebooks"]));
        Assert.Equal(RunExitCode.NotebookFailed, await Run(unseeded, "--output", folder["second"], "--like", folder["first", "notebooks"]));
        Assert.Equal(RunExitCode.BadUsage, await Run(seeded, "--output", folder["second"], "--like", folder["elsewhere"]));
        Assert.Equal(RunExitCode.BadUsage, await Run(seeded, "--output", folder["first"], "--like", folder["first", "notebooks"]));
    }

    private static JsonObject WithId(JsonObject cell, string id)
    {
        cell["id"] = id;
        return cell;
    }
}
