namespace UnetResnet.Runtime;

/// <summary>
/// Parts of a work for several workers: each takes those of its own share one after the other, so that what it writes lies together; cores that take turns in neighbouring memory
/// wait for each other. Who has done its share helps the others from the end of theirs.
/// </summary>
internal sealed class WorkShares
{
    /// <summary>From share to share, so that no two are in the same line of the cache or in neighbouring ones.</summary>
    private const int Apart = 16;

    private readonly int workers;

    /// <summary>What is left of each share: its begin in the upper 32 bits, its end in the lower.</summary>
    private readonly long[] left;

    /// <summary>Divides.</summary>
    /// <param name="parts">How many parts.</param>
    /// <param name="workers">How many shares, at least 1.</param>
    internal WorkShares(int parts, int workers)
    {
        this.workers = workers;
        left = new long[workers * Apart];
        for (int worker = 0; worker < workers; worker++)
        {
            (int begin, int end) = Workers.Share(parts, worker, workers);
            left[worker * Apart] = Pack(begin, end);
        }
    }

    /// <summary>The next part for a worker; each part is given once.</summary>
    /// <param name="worker">From 0; those above the number of shares begin again at the first.</param>
    /// <param name="part">The part.</param>
    /// <returns>Whether there was one left.</returns>
    internal bool TryTake(int worker, out int part)
    {
        for (int other = 0; other < workers; other++)
        {
            if (TryTake(ref left[(worker + other) % workers * Apart], first: other == 0, out part)) return true;
        }

        part = 0;
        return false;
    }

    private static bool TryTake(ref long share, bool first, out int part)
    {
        while (true)
        {
            long seen = Volatile.Read(ref share);
            (int begin, int end) = ((int)(seen >> 32), (int)seen);
            if (begin == end)
            {
                part = 0;
                return false;
            }

            part = first ? begin : end - 1;
            if (Interlocked.CompareExchange(ref share, first ? Pack(begin + 1, end) : Pack(begin, end - 1), seen) == seen) return true;
        }
    }

    private static long Pack(int begin, int end) => ((long)begin << 32) | (uint)end;
}
