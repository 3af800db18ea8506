using System.Runtime.ExceptionServices;

namespace UnetResnet.Data;

/// <summary>The same work on every item, on several threads of the pool, the caller's among them.</summary>
internal static class InParallel
{
    /// <summary>A thread for each core, eight at most: more than eight decode faster than any network trains.</summary>
    internal static int DefaultWorkers => Math.Clamp(Environment.ProcessorCount, 1, 8);

    /// <summary>Runs the work. What fails is thrown as it is, and of several failures that of the lowest number, as a loop would.</summary>
    /// <param name="count">How many items.</param>
    /// <param name="workers">Threads at most, at least 1.</param>
    /// <param name="work">Gets the number of an item, from 0.</param>
    internal static void For(int count, int workers, Action<int> work)
    {
        if (workers == 1 || count <= 1)
        {
            for (int i = 0; i < count; i++) work(i);
            return;
        }

        (int Place, ExceptionDispatchInfo Failure)? first = null;
        var gate = new Lock();
        // Break lets everything before the failed item finish.
        Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = workers }, (i, state) =>
        {
            try
            {
                work(i);
            }
            catch (Exception e)
            {
                lock (gate) if (first is null || i < first.Value.Place) first = (i, ExceptionDispatchInfo.Capture(e));
                state.Break();
            }
        });
        first?.Failure.Throw();
    }
}
