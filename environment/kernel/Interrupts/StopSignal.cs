using System.Diagnostics;

namespace Cellar.Interrupts;

/// <summary>
/// Tells one execution of a cell to stop. It flows with the execution context, so that tasks and threads that the cell starts see it too, and those of other cells do not.
/// </summary>
internal sealed class StopSignal : IDisposable
{
    /// <summary>How long after the first request a thread may be cut, if there is a second one.</summary>
    public static readonly TimeSpan CutAfter = TimeSpan.FromSeconds(3);

    /// <summary>How long after the cell's end code that it left behind in tasks and threads is still looked for.</summary>
    private static readonly TimeSpan Stragglers = TimeSpan.FromSeconds(10);

    private static readonly AsyncLocal<StopSignal?> Flowing = new();
    private static readonly Lock Gate = new();
    private static int raised;

    private readonly CancellationTokenSource source = new();
    private CancellationTokenRegistration outer;
    private Timer? clock;
    private long askedAt;
    private bool ended;
    private volatile bool asked, insisted;

    /// <summary>The signal of the execution that the calling code belongs to.</summary>
    public static StopSignal? Current => Flowing.Value;

    /// <summary>Cancelled at the first request.</summary>
    public CancellationToken Token => source.Token;

    /// <summary>Whether the execution is to stop.</summary>
    public bool IsAsked => asked;

    /// <summary>Whether there was a second request: clean-up is not waited for any more.</summary>
    public bool IsInsisted => insisted;

    /// <summary>Whether a thread that has not stopped may be cut: after a second request, and some time after the first.</summary>
    public bool MayCut => insisted && Stopwatch.GetElapsedTime(askedAt) >= CutAfter;

    /// <summary>Makes this the signal of the calling asynchronous flow.</summary>
    public void Enter() => Flowing.Value = this;

    /// <summary>Asks when the token is cancelled.</summary>
    public void Follow(CancellationToken token) => outer = token.UnsafeRegister(static state => ((StopSignal)state!).Ask(), this);

    /// <summary>Asks after some time.</summary>
    public void AskAfter(TimeSpan time) => clock = new Timer(static state => ((StopSignal)state!).Ask(), this, time, Timeout.InfiniteTimeSpan);

    /// <summary>The first request; repeated ones change nothing.</summary>
    public void Ask()
    {
        lock (Gate)
        {
            if (asked || ended) return;
            askedAt = Stopwatch.GetTimestamp();
            asked = true;
            raised++;
            Checkpoint.Requested = true;
        }

        source.Cancel();
    }

    /// <summary>The second request.</summary>
    public void Insist() => insisted = asked;

    /// <summary>The execution has ended.</summary>
    public void Dispose()
    {
        outer.Dispose();
        clock?.Dispose();
        lock (Gate) ended = true;
        if (!asked) return;
        using (ExecutionContext.SuppressFlow()) _ = Task.Run(LowerAsync);
    }

    private static async Task LowerAsync()
    {
        await Task.Delay(Stragglers);
        lock (Gate)
        {
            raised--;
            Checkpoint.Requested = raised > 0;
        }
    }
}
