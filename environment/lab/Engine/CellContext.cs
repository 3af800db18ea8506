using System.Collections.Concurrent;
using System.Runtime;

namespace UnetResnet.Lab.Engine;

/// <summary>
/// Brings code after an <c>await</c> back to the thread of the cell, where it can be cut. While that thread is busy or blocked (in
/// <c>task.Result</c>, say) such code runs on a thread of its own, so that cells do not deadlock; there too it is cut.
/// </summary>
/// <param name="cut">Cancelled when the cell must stop: what comes later is not run.</param>
internal sealed class CellContext(CancellationToken cut) : SynchronizationContext
{
    private readonly BlockingCollection<(SendOrPostCallback? Callback, object? State)> queue = [];
    private volatile bool waiting;

    /// <summary>Runs what is posted on the calling thread until the task has ended.</summary>
    /// <exception cref="OperationCanceledException">The token was cancelled first.</exception>
    public void RunUntil(Task task, CancellationToken token)
    {
        _ = task.ContinueWith(_ => queue.Add((null, null)), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        while (true)
        {
            waiting = true;
            (SendOrPostCallback? callback, object? state) = queue.Take(token);
            waiting = false;
            if (callback is null) break;
            callback(state);
        }

        queue.CompleteAdding();
        while (queue.TryTake(out (SendOrPostCallback? Callback, object? State) late)) // of tasks that the cell has not awaited
            if (late.Callback is { } callback) Aside(callback, late.State);
    }

    public override void Post(SendOrPostCallback d, object? state)
    {
        if (cut.IsCancellationRequested) return;
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

    /// <summary>
    /// Never on the thread pool: .NET 10 on Linux cuts a thread inside a signal handler and leaves that signal blocked there. A thread of the pool would hand
    /// this on to the threads that it starts, and the first endless loop on one of those could be neither cut nor stopped for a collection.
    /// </summary>
    private void Aside(SendOrPostCallback callback, object? state)
    {
        var thread = new Thread(() =>
        {
            SetSynchronizationContext(this);
            try
            {
#pragma warning disable SYSLIB0046 // as in CellThread
                ControlledExecution.Run(() => callback(state), cut);
#pragma warning restore SYSLIB0046
            }
            catch (OperationCanceledException) when (cut.IsCancellationRequested)
            {
                // The cell was stopped, and this with it.
            }
        })
        { IsBackground = true, Name = "notebook cells, aside" };
        thread.Start();
    }
}
