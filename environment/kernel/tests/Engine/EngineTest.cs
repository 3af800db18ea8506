using Cellar.Engine;

namespace Cellar.Tests.Engine;

/// <summary>A notebook's engine in an empty folder, and what its last cell has shown.</summary>
public abstract class EngineTest : IDisposable
{
    private protected readonly TemporaryFolder folder = new();
    private protected readonly NotebookEngine engine;
    private protected readonly List<CellOutput> outputs = [];

    protected EngineTest() => engine = new NotebookEngine(folder.Path);

    public void Dispose()
    {
        GC.SuppressFinalize(this);
        engine.Dispose();
        folder.Dispose();
    }

    private protected async Task<CellResult> Run(string code, double? limit = null, CancellationToken interrupt = default)
    {
        outputs.Clear();
        return await engine.ExecuteAsync(code, $"cell {engine.ExecutionCount + 1}", outputs.Add, limit is { } s ? TimeSpan.FromSeconds(s) : null, interrupt);
    }

    private protected async Task Succeeds(string code)
    {
        CellResult result = await Run(code);
        Assert.True(result.Succeeded, string.Join('\n', result.Error?.Traceback ?? []));
    }

    private protected async Task<CellError> Fails(string code)
    {
        CellError? error = (await Run(code)).Error;
        Assert.NotNull(error);
        Assert.Equal(error, Assert.IsType<ErrorOutput>(outputs[^1]).Error);
        return error;
    }

    private protected string Printed(string stream = "stdout") => string.Concat(outputs.OfType<StreamOutput>().Where(o => o.Name == stream).Select(o => o.Text));

    private protected string? Result(string mimeType = "text/plain") => outputs.OfType<ResultOutput>().SingleOrDefault()?.Data[mimeType]?.ToString();
}
