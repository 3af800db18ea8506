using System.Collections.Concurrent;

namespace Cellar.Engine;

/// <summary>
/// The thread that cells run on, one for all cells (so that thread-bound state such as torch's gradient mode survives from cell
/// to cell), until a cell must be cut: then the thread is given up and the next cell gets a new one.
/// </summary>
/// <remarks>
/// Blocking waits are ended by <see cref="Thread.Interrupt"/>; managed code that does not stop then is cut (<see cref="CuttableCode"/>). Code after an <c>await</c>
/// comes back to this thread (<see cref="CellContext"/>). Two things cannot be cut: a native call, about which the caller is told, and
/// tasks that the cell itself has put on the thread pool, which go on alone.
/// </remarks>
internal sealed class CellThread(TimeSpan grace) : IDisposable
{
    /// <summary>How long a cell may take to stop by itself before it is cut.</summary>
    private static readonly TimeSpan Courtesy = TimeSpan.FromMilliseconds(20);

    private Worker? worker;

    /// <summary>Runs the body on the cell thread and waits for the task it gives.</summary>
    /// <exception cref="OperationCanceledException">The token was cancelled and the body has stopped.</exception>
    /// <exception cref="CellAbandonedException">The token was cancelled and the body has not stopped within the grace period.</exception>
    public async Task RunAsync(Func<Task> body, CancellationToken token)
    {
        token.ThrowIfCancellationRequested();
        Worker current = worker ??= new Worker();
        var finished = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var cut = new CancellationTokenSource();
        current.Post(() => RunHere(body, finished, token, cut.Token));

        try
        {
            await finished.Task.WaitAsync(token);
            return;
        }
        catch (OperationCanceledException) when (token.IsCancellationRequested)
        {
            worker = null;
        }

        DateTime end = DateTime.UtcNow + grace;
        current.Interrupt();
        await Task.WhenAny(finished.Task, Task.Delay(Courtesy, CancellationToken.None));
        // On a thread of its own: cancelling waits until the thread has been cut, which a blocked one is not before it is interrupted.
        _ = Task.Run(cut.Cancel, CancellationToken.None);
        while (!finished.Task.IsCompleted && DateTime.UtcNow < end)
        {
            current.Interrupt();
            await Task.WhenAny(finished.Task, Task.Delay(50, CancellationToken.None));
        }

        current.Dispose();
        if (!finished.Task.IsCompleted) throw new CellAbandonedException();
        _ = finished.Task.Exception; // observed: how the body ended no longer matters
        throw new OperationCanceledException(token);
    }

    public void Dispose() => worker?.Dispose();

    private static void RunHere(Func<Task> body, TaskCompletionSource finished, CancellationToken token, CancellationToken cut)
    {
        try
        {
            var context = new CellContext(token, cut);
            SynchronizationContext.SetSynchronizationContext(context);
            Task task = Task.CompletedTask;
            CuttableCode.Run(() => task = body(), cut);
            context.RunUntil(task);
            task.GetAwaiter().GetResult();
            finished.TrySetResult();
        }
        catch (Exception e)
        {
            finished.TrySetException(e);
        }
    }

    private sealed class Worker : IDisposable
    {
        private readonly BlockingCollection<(ExecutionContext? Context, Action Work)> queue = [];
        private readonly Thread thread;

        public Worker()
        {
            thread = new Thread(Loop) { IsBackground = true, Name = "notebook cells" };
            thread.Start();
        }

        public void Post(Action work) => queue.Add((ExecutionContext.Capture(), work));

        public void Interrupt() => thread.Interrupt();

        public void Dispose() => queue.CompleteAdding();

        private void Loop()
        {
            while (!queue.IsCompleted)
            {
                try
                {
                    foreach ((ExecutionContext? context, Action work) in queue.GetConsumingEnumerable())
                    {
                        if (context is null) work();
                        else ExecutionContext.Run(context, static state => ((Action)state!)(), work);
                    }
                }
                catch (ThreadInterruptedException)
                {
                    // The interrupt came while this thread waited for work. Work that was posted meanwhile must still say how it ended,
                    // or whoever cut it would wait for ever; it is cut as soon as it begins.
                }
            }
        }
    }
}

/// <summary>The cell did not stop: it is inside a native call, which cannot be cut from outside.</summary>
internal sealed class CellAbandonedException() : Exception("The cell did not stop: it is inside a native call, which cannot be cut from outside.");
