using System.Runtime;

namespace UnetResnet.Runtime;

/// <summary>
/// Holds off the garbage collector for the length of one batch. TorchSharp 0.107.0 passes numbers to native code as temporary <c>Scalar</c> objects and does not keep
/// them alive during the call; a collection at that moment lets their finaliser free what the call still reads, and an addition fails with "Expected false to be
/// true" (94 of 11 million additions under constant collection, none of 13 million with the number kept alive). Optimisers use hundreds of such numbers a step.
/// </summary>
/// <remarks>
/// Best effort: the runtime ends the pause by itself when more than the budget is allocated. Pauses do not nest; an inner one does nothing. Between two pauses is a good
/// moment to collect, and now and then their end does.
/// </remarks>
internal sealed class CollectionPause : IDisposable
{
    /// <summary>Managed memory that one batch may allocate, all threads together; a batch of ten 96×96 images takes about 1.5 MB.</summary>
    private const long Budget = 64 << 20;

    /// <summary>
    /// Managed memory after which the end of a pause collects. Everything that a call of libtorch leaves behind holds native memory that the collector does not see, and it
    /// waits until a share of the processor's cache is full: with 260 MB of cache, resident memory grew by 46 MB with every diagnosis, into gigabytes.
    /// </summary>
    private const long Garbage = 64 << 20;

    private static long allocatedBefore;

    private bool started;
    private long allocated;

    internal CollectionPause() => Start();

    /// <summary>Between two batches: goes on, or ends the pause and begins another where half of the budget is used up. Each beginning takes a tenth of a millisecond and more.</summary>
    internal void Renew()
    {
        if (started && GC.GetTotalAllocatedBytes() - allocated < Budget / 2) return;
        Dispose();
        Start();
    }

    private void Start()
    {
        (started, allocated) = (false, GC.GetTotalAllocatedBytes());
        if (GCSettings.LatencyMode == GCLatencyMode.NoGCRegion) return;
        try
        {
            started = GC.TryStartNoGCRegion(Budget);
        }
        catch (InvalidOperationException)
        {
            // Another thread was faster.
        }
    }

    public void Dispose()
    {
        if (!started || GCSettings.LatencyMode != GCLatencyMode.NoGCRegion) return;
        try
        {
            GC.EndNoGCRegion();
        }
        catch (InvalidOperationException)
        {
            // The budget was used up between the question and this call, which ended the pause.
            return;
        }

        if (IsDue()) GC.Collect(1);
    }

    /// <summary>Whether enough was allocated since the last time. The runtime's own count of collections says nothing: each pause raises it.</summary>
    private static bool IsDue()
    {
        long now = GC.GetTotalAllocatedBytes(), before = Interlocked.Read(ref allocatedBefore);
        return now - before > Garbage && Interlocked.CompareExchange(ref allocatedBefore, now, before) == before;
    }
}
