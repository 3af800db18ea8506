namespace Cellar.Engine;

/// <summary>
/// The running cell as its code sees it: where outputs go. It flows with the execution context, so that a task or thread
/// started by a cell still writes to that cell.
/// </summary>
internal sealed class CellScope(Action<CellOutput> emit, Func<string, bool, string>? ask = null) : IDisposable
{
    private static readonly AsyncLocal<CellScope?> Flowing = new();
    private static volatile CellScope? latest;

    private readonly Lock gate = new();
    private bool closed;

    /// <summary>The cell this code belongs to; code without one (a native thread, a task of a finished cell) belongs to the cell now running.</summary>
    public static CellScope? Current => Flowing.Value is { closed: false } own ? own : latest;

    /// <summary>Makes this the current cell of the calling asynchronous flow, until disposed.</summary>
    public CellScope Enter()
    {
        Flowing.Value = this;
        latest = this;
        return this;
    }

    /// <summary>Gives out one output. Safe from any thread; outputs arrive in the order of the calls.</summary>
    public void Emit(CellOutput output)
    {
        // In a finally block, which an abort waits for: cut in the middle, whoever takes the output would be left with half of it.
        try
        {
        }
        finally
        {
            lock (gate)
            {
                if (!closed) emit(output);
            }
        }
    }

    /// <summary>Cancelled when the cell is to stop.</summary>
    public CancellationToken Stop { get; init; }

    /// <summary>Gives out what the cell's code shows, and stops that code here if the cell is to stop: a loop that prints need not be cut.</summary>
    /// <exception cref="OperationCanceledException">The cell is to stop.</exception>
    public void Show(CellOutput output)
    {
        Emit(output);
        Stop.ThrowIfCancellationRequested();
    }

    /// <summary>Gives the text of a cell by its label.</summary>
    public Func<string, string?> SourceOf { get; init; } = static _ => null;

    /// <summary>The first exception that nobody has caught, on a thread or in an <c>async void</c> method of the cell; the cell then counts as failed.</summary>
    public CellError? Uncaught { get; private set; }

    /// <summary>Shows an exception that nobody has caught.</summary>
    public void Report(Exception exception)
    {
        CellError error = CellErrors.FromException(exception, SourceOf);
        lock (gate)
        {
            if (closed) return;
            Uncaught ??= error;
            emit(new ErrorOutput(error));
        }
    }

    /// <summary>Whether somebody can be asked for input.</summary>
    public bool CanAsk => ask is not null;

    /// <summary>Asks whoever shows the outputs for a line of text, and blocks until it comes.</summary>
    /// <exception cref="InvalidOperationException">Nobody is there to answer.</exception>
    public string Ask(string prompt, bool hidden) => ask is not null
        ? ask(prompt, hidden)
        : throw new InvalidOperationException("Nobody is there to answer: the notebook runs without a front end. Give the value in the code instead.");

    public void Dispose()
    {
        lock (gate) closed = true;
        if (ReferenceEquals(latest, this)) latest = null;
    }
}
