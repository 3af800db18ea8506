using System.Collections.Concurrent;

namespace UnetResnet.Data;

/// <summary>Runs an enumeration ahead of its consumer.</summary>
internal static class BackgroundEnumerable
{
    /// <summary>
    /// The same items in the same order, made by one background thread that is at most <paramref name="ahead"/> + 1 items ahead.
    /// An exception of the source is thrown at the consumer, after the items before it; when the consumer stops early, so does the thread.
    /// </summary>
    /// <param name="source">Enumerated by one thread only, from its start in every enumeration of the result.</param>
    /// <param name="ahead">Capacity of the queue in between; 0 enumerates the source on the consumer's thread.</param>
    /// <typeparam name="T">Type of the items. An item that is dropped by an early stop is not disposed, so let it be plain memory.</typeparam>
    public static IEnumerable<T> Prefetch<T>(this IEnumerable<T> source, int ahead)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentOutOfRangeException.ThrowIfNegative(ahead);
        return ahead == 0 ? source : InBackground(source, ahead);
    }

    private static IEnumerable<T> InBackground<T>(IEnumerable<T> source, int ahead)
    {
        using var stop = new CancellationTokenSource();
        using var queue = new BlockingCollection<T>(ahead);
        Task producer = Task.Factory.StartNew(
            () =>
            {
                try
                {
                    foreach (T item in source) queue.Add(item, stop.Token);
                }
                finally
                {
                    queue.CompleteAdding();
                }
            },
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        try
        {
            foreach (T item in queue.GetConsumingEnumerable()) yield return item;
            producer.GetAwaiter().GetResult();
        }
        finally
        {
            stop.Cancel();
            // The thread must be gone before queue and token are disposed; what it threw was reported above, or nobody asks for it any more.
            producer.ContinueWith(static _ => { }, TaskScheduler.Default).Wait();
            _ = producer.Exception;
        }
    }
}
