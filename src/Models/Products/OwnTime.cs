using System.Diagnostics;
using UnetResnet.Runtime;

namespace UnetResnet.Models.Products;

/// <summary>How long the kit's own convolutions have taken in this process, beside oneDNN's: <c>using var timing = OwnTime.Measure();</c>.</summary>
internal static class OwnTime
{
    private static long ticks;

    [ThreadStatic]
    private static bool measures;

    /// <summary>So far, in ticks of <see cref="Stopwatch"/>.</summary>
    internal static long Ticks => Interlocked.Read(ref ticks);

    /// <summary>Counts until the result is disposed. What is done within, or by a worker, is counted by who began it.</summary>
    internal static Timing Measure()
    {
        if (measures || Workers.IsBusy) return default;
        measures = true;
        return new Timing(Stopwatch.GetTimestamp());
    }

    internal readonly ref struct Timing(long begun)
    {
        public void Dispose()
        {
            if (begun == 0) return;
            Interlocked.Add(ref ticks, Stopwatch.GetTimestamp() - begun);
            measures = false;
        }
    }
}
