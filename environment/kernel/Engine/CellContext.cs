using System.Collections.Concurrent;
using Cellar.Interrupts;

namespace Cellar.Engine;

/// <summary>
/// Brings code after an <c>await</c> back to the thread of the cell, where it can be cut. While that thread is busy or blocked (in
/// <c>task.Result</c>, say) such code runs on a thread of its own, so that cells do not deadlock; there too it is cut.
/// </summary>
/// <param name="stop">Cancelled when the cell is to stop: what comes later is not run.</param>
/// <param name="cut">Cancelled when it must: what is running is cut.</param>
internal sealed class CellContext(CancellationToken stop, CancellationToken cut) : SynchronizationContext
{
    private readonly BlockingCollection<(SendOrPostCallback? Callback, object? State)> queue = [];
    private volatile bool waiting;

    /// <summary>Runs what is posted on the calling thread until the task has ended.</summary>
    /// <exception cref="OperationCanceledException">The cell was to stop first.</exception>
    public void RunUntil(Task task)
    {
        _ = task.ContinueWith(_ => queue.Add((null, null)), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        while (true)
        {
            waiting = true;
            (SendOrPostCallback? callback, object? state) = queue.Take(stop);
            waiting = false;
            if (callback is null) break;
            CuttableCode.Run(() => callback(state), cut);
        }

        queue.CompleteAdding();
        while (queue.TryTake(out (SendOrPostCallback? Callback, object? State) late)) // of tasks that the cell has not awaited
            if (late.Callback is { } callback) Aside(callback, late.State);
    }

    public override void Post(SendOrPostCallback d, object? state)
    {
        if (stop.IsCancellationRequested) return;
        if (!waiting || !TryAdd(d, state)) Aside(d, state);
    }

    public override void Send(SendOrPostCallback d, object? state) => d(state);

    public override SynchronizationContext CreateCopy() => this;

    private bool TryAdd(SendOrPostCallback? callback, object? state)
    {
        try
        {
            queue.Add((callback, state), CancellationToken.None);
            return true;
        }
        catch (InvalidOperationException)
        {
            return false; // the cell has just ended
        }
    }

    /// <summary>On a thread of its own: it may be cut, and one of the pool is not ours.</summary>
    private void Aside(SendOrPostCallback callback, object? state)
    {
        var thread = new Thread(() =>
        {
            SetSynchronizationContext(this);
            try
            {
                CuttableCode.Run(() => callback(state), cut);
            }
            catch (Exception) when (stop.IsCancellationRequested)
            {
                // The cell was stopped, and this with it.
            }
        })
        { IsBackground = true, Name = "notebook cells, aside" };
        thread.Start();
    }
}
