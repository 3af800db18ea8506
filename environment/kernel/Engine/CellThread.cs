using System.Collections.Concurrent;
using Cellar.Interrupts;

namespace Cellar.Engine;

/// <summary>
/// The thread that cells run on, one for all cells, so that what is bound to a thread, such as torch's gradient mode and the memory it keeps, stays the same from cell
/// to cell.
/// </summary>
/// <remarks>
/// The code of cells stops by itself at its checkpoints; blocking waits are ended by <see cref="Thread.Interrupt"/>. Only where both fail, and only after a second request, the
/// thread is cut (<see cref="CuttableCode"/>): then it is given up, and the next cell gets a new one. Code after an <c>await</c> comes back to this thread (<see cref="CellContext"/>).
/// A native call can be neither stopped nor cut: the caller is told.
/// </remarks>
internal sealed class CellThread(TimeSpan grace) : IDisposable
{
    /// <summary>How long code may take to its next checkpoint before waits are ended, and how often that is tried.</summary>
    private static readonly TimeSpan Courtesy = TimeSpan.FromMilliseconds(20), Again = TimeSpan.FromMilliseconds(50);

    private Worker? worker;

    /// <summary>Runs the body on the cell thread and waits for the task it gives.</summary>
    /// <exception cref="OperationCanceledException">There was a request to stop, and the body has stopped.</exception>
    /// <exception cref="CellCutException">There was a second request, and the body was cut.</exception>
    /// <exception cref="CellAbandonedException">There was a request to stop, and the body has not stopped within the grace period.</exception>
    public async Task RunAsync(Func<Task> body, StopSignal stop)
    {
        stop.Token.ThrowIfCancellationRequested();
        Worker current = worker ??= new Worker();
        var finished = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var cut = new CancellationTokenSource();
        current.Post(() => RunHere(body, finished, stop, cut.Token));

        try
        {
            await finished.Task.WaitAsync(stop.Token);
            return;
        }
        catch (OperationCanceledException) when (stop.IsAsked)
        {
            // It is being stopped, below.
        }

        DateTime end = DateTime.UtcNow + grace;
        bool hard = false;
        await Task.WhenAny(finished.Task, Task.Delay(Courtesy, CancellationToken.None));
        while (!finished.Task.IsCompleted && DateTime.UtcNow < end)
        {
            current.EndWait();
            if (stop.MayCut && !hard)
            {
                hard = true;
                // On a thread of its own: cancelling waits until the thread has been cut, which a blocked one is not before it is interrupted.
                _ = Task.Run(cut.Cancel, CancellationToken.None);
            }

            await Task.WhenAny(finished.Task, Task.Delay(Again, CancellationToken.None));
        }

        if (hard || !finished.Task.IsCompleted)
        {
            worker = null;
            current.Dispose();
        }

        if (!finished.Task.IsCompleted) throw new CellAbandonedException();
        _ = finished.Task.Exception; // observed: how the body ended no longer matters
        if (hard) throw new CellCutException();
        throw new OperationCanceledException(stop.Token);
    }

    public void Dispose() => worker?.Dispose();

    private static void RunHere(Func<Task> body, TaskCompletionSource finished, StopSignal stop, CancellationToken cut)
    {
        var context = new CellContext(stop, cut);
        try
        {
            SynchronizationContext.SetSynchronizationContext(context);
            Task task = Task.CompletedTask;
            CuttableCode.Run(() => task = body(), cut);
            if (!task.IsCompleted) context.RunUntil(task);
            task.GetAwaiter().GetResult();
            context.Close();
            finished.TrySetResult();
        }
        catch (Exception e)
        {
            context.Close();
            finished.TrySetException(e);
        }
    }

    private sealed class Worker : IDisposable
    {
        /// <summary>Room for recursion: thrice what .NET gives a thread by itself.</summary>
        private const int Stack = 16 << 20;

        private readonly BlockingCollection<(ExecutionContext? Context, Action Work)> queue = [];
        private readonly Thread thread;
        private volatile bool interrupted;

        public Worker()
        {
            thread = new Thread(Loop, Stack) { IsBackground = true, Name = "notebook cells" };
            thread.Start();
        }

        public void Post(Action work) => queue.Add((ExecutionContext.Capture(), work));

        /// <summary>Ends the wait that the thread is in. One that runs is left alone: its next wait may be for a lock that somebody else relies on.</summary>
        public void EndWait()
        {
            if (!thread.ThreadState.HasFlag(ThreadState.WaitSleepJoin)) return;
            interrupted = true;
            thread.Interrupt();
        }

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
                        Forget();
                    }
                }
                catch (ThreadInterruptedException)
                {
                    // The interrupt came while this thread waited for work, and is spent.
                }
            }
        }

        /// <summary>An interrupt that came too late would end a wait of the next cell.</summary>
        private void Forget()
        {
            if (!interrupted) return;
            interrupted = false;
            try
            {
                Thread.Sleep(1);
            }
            catch (ThreadInterruptedException)
            {
                // Spent.
            }
        }
    }
}

/// <summary>The cell did not stop: it is inside a native call, which cannot be cut from outside.</summary>
internal sealed class CellAbandonedException() : Exception("The cell did not stop: it is inside a native call, which cannot be cut from outside.");

/// <summary>The cell did not stop by itself and was cut.</summary>
internal sealed class CellCutException() : Exception("The cell did not stop by itself and was cut: the process may be unstable; restart when you can.");
