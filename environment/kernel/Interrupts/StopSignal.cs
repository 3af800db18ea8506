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

    /// <summary>How long after the request clean-up may wait for something, and the cell for what it does not await.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private static readonly AsyncLocal<StopSignal?> Flowing = new(change => Checkpoint.Follow(change.CurrentValue));
    private static readonly Lock Gate = new();
    private static int raised;

    private readonly CancellationTokenSource source = new();
    private readonly TaskCompletionSource told = new();
    private CancellationTokenRegistration outer;
    private Timer? clock;
    private long askedAt;
    private int pieces, waits;
    private bool ended;

    /// <summary>The signal of the execution that the calling code belongs to.</summary>
    public static StopSignal? Current => Flowing.Value;

    /// <summary>Cancelled at the first request.</summary>
    public CancellationToken Token => source.Token;

    /// <summary>Ends when whoever waits for <see cref="Token"/> has been told of the first request.</summary>
    public Task Told => told.Task;

    /// <summary>What its loops look at.</summary>
    public StopFlag Asked { get; } = new();

    /// <summary>What its loops look at in blocks that clean up.</summary>
    public StopFlag Insisted { get; } = new();

    /// <summary>Whether the execution is to stop.</summary>
    public bool IsAsked => Asked.Asked;

    /// <summary>Whether there was a second request: clean-up is not waited for any more.</summary>
    public bool IsInsisted => Insisted.Asked;

    /// <summary>Whether a thread that has not stopped may be cut: after a second request, and some time after the first.</summary>
    public bool MayCut => IsInsisted && Stopwatch.GetElapsedTime(askedAt) >= CutAfter;

    /// <summary>Whether nothing of the execution is on its way any more, or only clean-up that has waited for too long.</summary>
    public bool IsOver => Volatile.Read(ref pieces) is var left && (left == 0 || (left == Volatile.Read(ref waits) && IsLate));

    /// <summary>Whether the request was long ago.</summary>
    public bool IsLate => Stopwatch.GetElapsedTime(askedAt) > Patience;

    /// <summary>A piece of its code is to run.</summary>
    public void Begin() => Interlocked.Increment(ref pieces);

    /// <summary>It has run.</summary>
    public void End() => Interlocked.Decrement(ref pieces);

    /// <summary>A task that clean-up waits for. Until it has ended, and whoever waits for it goes on, the execution is not over.</summary>
    public Task<T> WaitToClean<T>(Task<T> task)
    {
        var ended = new TaskCompletionSource<T>();
        Begin();
        Interlocked.Increment(ref waits);
        task.ContinueWith(
            task =>
            {
                ended.SetFromTask(task);
                Interlocked.Decrement(ref waits);
                End();
            },
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
        return ended.Task;
    }

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
            if (IsAsked || ended) return;
            askedAt = Stopwatch.GetTimestamp();
            Asked.Asked = true;
            raised++;
            Checkpoint.Requested = true;
        }

        try
        {
            source.Cancel();
        }
        finally
        {
            told.SetResult();
        }
    }

    /// <summary>The second request.</summary>
    public void Insist() => Insisted.Asked = IsAsked;

    /// <summary>The execution has ended.</summary>
    public void Dispose()
    {
        outer.Dispose();
        clock?.Dispose();
        lock (Gate) ended = true;
        if (!IsAsked) return;
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
