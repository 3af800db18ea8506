using UnetResnet.Notebooks;

namespace UnetResnet.Tests.Notebooks;

/// <summary>What a notebook without formatted output would show: standard output, until the end of the test.</summary>
/// <remarks>The writer is never closed: libraries such as Spectre.Console keep whatever standard output they met first.</remarks>
internal sealed class ConsoleCapture : IDisposable
{
    private readonly TextWriter before = Console.Out;
    private readonly Action<object>? display = NotebookOutput.Display;
    private readonly StringWriter writer = new();

    public ConsoleCapture()
    {
        NotebookOutput.Display = null;
        Console.SetOut(writer);
    }

    public string Text => writer.ToString().ReplaceLineEndings("\n");

    public void Dispose()
    {
        Console.SetOut(before);
        NotebookOutput.Display = display;
    }
}
