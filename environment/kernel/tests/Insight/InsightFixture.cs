using Cellar.Engine;
using UnetResnet.Training;

namespace Cellar.Tests.Insight;

/// <summary>An engine in which a cell has been executed.</summary>
public sealed class InsightFixture : IAsyncLifetime
{
    private readonly TemporaryFolder folder = new();

    internal NotebookEngine Engine { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        folder.Write("tools.csx", "");
        folder.Write("parts/one.ipynb", "");
        folder.Write("parts/data.csv", "");
        Engine = new NotebookEngine(folder.Path);
        CellResult result = await Engine.ExecuteAsync(
            $$"""
            #r "{{typeof(TrainingHistory).Assembly.Location}}"
            #r "nuget: TorchSharp"
            #r "nuget: SkiaSharp"
            record Point { public int X { get; init; } public int Y { get; set; } }
            string greeting = "hello\n";
            int[] numbers = [1, 2, 3];
            var points = new List<Point>();
            int @class = 3;
            /// <summary>Makes it larger, see <see cref="Point"/>.</summary>
            /// <remarks>Twice, that is.</remarks>
            double Scale(double factor) => 2 * factor;
            """,
            "cell 1", _ => { });
        Assert.True(result.Succeeded, string.Join('\n', result.Error?.Traceback ?? []));
    }

    public Task DisposeAsync()
    {
        Engine.Dispose();
        folder.Dispose();
        return Task.CompletedTask;
    }
}
