using System.Collections.Concurrent;
using Cellar.Interrupts;

namespace Cellar.Engine;

/// <summary>
/// Brings code after an <c>await</c> back to the thread of the cell, where it can be cut. While that thread is busy or blocked (in
/// <c>task.Result</c>, say) such code runs on a thread of its own, so that cells do not deadlock; there too it is cut.
/// </summary>
/// <remarks>
/// When the cell is to stop, its awaits end (<see cref="Checkpoint"/>), and what comes back then is still run, to its next checkpoint: so <c>finally</c> blocks around an
/// <c>await</c> have run when the cell ends. Once nothing is on its way any more, what comes later is dropped.
/// </remarks>
/// <param name="stop">Tells that the cell is to stop.</param>
/// <param name="cut">Cancelled when it must: what is running is cut.</param>
internal sealed class CellContext(StopSignal stop, CancellationToken cut) : SynchronizationContext
{
    private readonly BlockingCollection<(SendOrPostCallback? Callback, object? State)> queue = [];
    private readonly ConcurrentDictionary<Thread, bool> aside = [];
    private volatile bool waiting, closed;

    /// <summary>Runs what is posted on the calling thread until the task has ended.</summary>
    /// <exception cref="OperationCanceledException">The cell was to stop, and nothing of it is on its way any more; or it was cut.</exception>
    public void RunUntil(Task task)
    {
        _ = task.ContinueWith(_ => LookAgain(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        _ = stop.Told.ContinueWith(_ => LookAgain(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        while (!task.IsCompleted && !(stop.Told.IsCompleted && stop.IsOver)) RunNext();
        // What one task of several has left on its way.
        while (stop.IsAsked && !(stop.Told.IsCompleted && (stop.IsOver || stop.IsLate))) RunNext();
        queue.CompleteAdding();
        while (queue.TryTake(out (SendOrPostCallback? Callback, object? State) late)) // of tasks that the cell has not awaited
            if (late.Callback is { } callback) Aside(callback, late.State);
        if (!task.IsCompleted) throw new OperationCanceledException();
    }

    /// <summary>The cell has ended: if it was stopped, nothing of it is run any more.</summary>
    public void Close() => closed = true;

    public override void Post(SendOrPostCallback d, object? state)
    {
        if (closed && stop.IsAsked) return;
        stop.Begin();
        if (!waiting || !TryAdd(d, state)) Aside(d, state);
    }

    public override void Send(SendOrPostCallback d, object? state) => d(state);

    public override SynchronizationContext CreateCopy() => this;

    private void RunNext()
    {
        SendOrPostCallback? callback;
        object? state;
        try
        {
            waiting = true;
            (callback, state) = queue.Take(cut);
        }
        catch (ThreadInterruptedException) when (stop.IsAsked)
        {
            // Meant for a wait of the cell's code: this thread has none, those aside may.
            foreach (Thread thread in aside.Keys)
                if (thread.ThreadState.HasFlag(ThreadState.WaitSleepJoin)) thread.Interrupt();
            return;
        }
        finally
        {
            waiting = false;
        }

        if (callback is not null) Run(callback, state);
    }

    private void Run(SendOrPostCallback callback, object? state)
    {
        try
        {
            CuttableCode.Run(() => callback(state), cut);
        }
        finally
        {
            stop.End();
        }
    }

    /// <summary>Wakes the cell's thread, if it waits for code.</summary>
    private void LookAgain() => TryAdd(null, null);

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
                Run(callback, state);
            }
            catch (Exception) when (stop.IsAsked)
            {
                // The cell was stopped, and this with it.
            }
            finally
            {
                aside.TryRemove(Thread.CurrentThread, out _);
                if (stop.IsAsked) LookAgain();
            }
        })
        { IsBackground = true, Name = "notebook cells, aside" };
        aside[thread] = true;
        thread.Start();
    }
}
