using static TorchSharp.torch;

namespace UnetResnet.Tests;

/// <summary>Counts tensors, for tests that nothing is left behind.</summary>
internal static class LiveTensors
{
    /// <summary>
    /// The tensors alive once the garbage of earlier tests is gone: a collection that is still finalising it in the background would let the count fall in the middle of
    /// a test.
    /// </summary>
    public static long Settled()
    {
        long before;
        do
        {
            before = Tensor.TotalCount;
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        while (Tensor.TotalCount != before);
        return before;
    }
}
