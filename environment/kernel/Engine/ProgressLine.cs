namespace Cellar.Engine;

/// <summary>One line below a cell that is written anew as things go on.</summary>
internal sealed class ProgressLine
{
    private readonly string id = Guid.NewGuid().ToString("N");
    private readonly CellScope? scope = CellScope.Current;
    private bool shown;

    /// <summary>Shows a text instead of the one before.</summary>
    public void Show(string text)
    {
        var data = MimeBundle.OfText("text/plain", text);
        scope?.Emit(shown ? new DisplayUpdate(data, id) : new DisplayOutput(data, id));
        shown = true;
    }
}
