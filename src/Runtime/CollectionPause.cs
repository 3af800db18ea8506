using System.Runtime;

namespace UnetResnet.Runtime;

/// <summary>
/// Holds off the garbage collector for the length of one batch. TorchSharp 0.107.0 passes numbers to native code as temporary <c>Scalar</c> objects and does not keep
/// them alive during the call; a collection at that moment lets their finaliser free what the call still reads, and an addition fails with "Expected false to be
/// true" (94 of 11 million additions under constant collection, none of 13 million with the number kept alive). Optimisers use hundreds of such numbers a step.
/// </summary>
/// <remarks>Best effort: the runtime ends the pause by itself when more than the budget is allocated. Pauses do not nest; an inner one does nothing.</remarks>
internal sealed class CollectionPause : IDisposable
{
    /// <summary>Managed memory that one batch may allocate, all threads together; a batch of ten 96×96 images takes about 1.5 MB.</summary>
    private const long Budget = 64 << 20;

    private readonly bool started;

    internal CollectionPause()
    {
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
        }
    }
}
