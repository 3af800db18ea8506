using System.Runtime.InteropServices;

namespace UnetResnet.Runtime;

/// <summary>
/// Lets glibc keep what is freed as long as it is not disposed, and some seconds longer. By default every tensor of a large map is mapped afresh and unmapped again, and the kernel
/// clears each of its pages: a fifth of a training step at width 64, a third of a diagnosis. When nothing has held it for a while, the memory goes back to the system.
/// </summary>
internal sealed class NativeMemory : IDisposable
{
    private const int TrimThreshold = -1, MapThreshold = -3;

    /// <summary>How long the memory is kept for what may come next, a diagnosis after a training.</summary>
    private static readonly TimeSpan Leisure = TimeSpan.FromSeconds(5);

    private static readonly Lock Gate = new();
    private static Timer? later;
    private static int holders, rests;
    private static bool isKept;

    /// <summary>Keeps freed memory from now on. Without effect where the C library is not glibc.</summary>
    internal NativeMemory()
    {
        lock (Gate)
        {
            holders++;
            if (!isKept) Set(int.MaxValue, 1 << 30);
            isKept = true;
        }
    }

    /// <summary>Whether freed memory is kept now.</summary>
    internal static bool IsKept
    {
        get
        {
            lock (Gate) return isKept;
        }
    }

    /// <summary>Gives back what is free, unless somebody holds it.</summary>
    internal static void GiveBack()
    {
        lock (Gate)
        {
            if (holders > 0) return;
            // The highest values that glibc chooses by itself.
            Set(64 << 20, 32 << 20);
            Call(() => malloc_trim(0));
            isKept = false;
        }
    }

    /// <summary>Ends one holding. With the last one the time begins after which memory is given back.</summary>
    public void Dispose()
    {
        lock (Gate)
        {
            if (--holders > 0) return;
            int rest = ++rests;
            later?.Dispose();
            later = new Timer(_ => EndRest(rest), null, Leisure, Timeout.InfiniteTimeSpan);
        }
    }

    private static void EndRest(int rest)
    {
        // A timer that has gone off may come late, after others have held the memory.
        lock (Gate) if (rest == rests) GiveBack();
    }

    private static void Set(int trim, int map) => Call(() => mallopt(TrimThreshold, trim) + mallopt(MapThreshold, map));

    private static void Call(Func<int> function)
    {
        if (!OperatingSystem.IsLinux()) return;
        try
        {
            _ = function();
        }
        catch (EntryPointNotFoundException)
        {
            // musl has neither.
        }
    }

    [DllImport("libc")]
    private static extern int mallopt(int parameter, int value);

    [DllImport("libc")]
    private static extern int malloc_trim(nuint pad);
}
