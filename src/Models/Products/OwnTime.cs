using System.Diagnostics;

namespace UnetResnet.Models.Products;

/// <summary>How long the kit's own convolutions have taken in this process, beside oneDNN's: <c>using var timing = OwnTime.Measure();</c>.</summary>
internal static class OwnTime
{
    private static long ticks;

    /// <summary>So far, in ticks of <see cref="Stopwatch"/>.</summary>
    internal static long Ticks => Interlocked.Read(ref ticks);

    /// <summary>Counts until the result is disposed.</summary>
    internal static Timing Measure() => new(Stopwatch.GetTimestamp());

    internal readonly ref struct Timing(long begun)
    {
        public void Dispose() => Interlocked.Add(ref ticks, Stopwatch.GetTimestamp() - begun);
    }
}
