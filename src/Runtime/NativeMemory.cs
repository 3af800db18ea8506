using System.Runtime.InteropServices;

namespace UnetResnet.Runtime;

/// <summary>
/// Lets glibc keep what is freed as long as it is not disposed. By default every tensor of a large map is mapped afresh and unmapped again, and the kernel clears each of
/// its pages: a fifth of a training step at width 64. Afterwards the memory goes back to the system.
/// </summary>
internal sealed class NativeMemory : IDisposable
{
    private const int TrimThreshold = -1, MapThreshold = -3;
    private static readonly Lock Gate = new();
    private static int holders;

    /// <summary>Keeps freed memory from now on. Without effect where the C library is not glibc.</summary>
    internal NativeMemory()
    {
        lock (Gate) if (holders++ == 0) Set(int.MaxValue, 1 << 30);
    }

    /// <summary>Whether somebody keeps memory now.</summary>
    internal static bool IsKept
    {
        get
        {
            lock (Gate) return holders > 0;
        }
    }

    /// <summary>Gives back what is free.</summary>
    public void Dispose()
    {
        lock (Gate)
        {
            if (--holders > 0) return;
            // The highest values that glibc chooses by itself.
            Set(64 << 20, 32 << 20);
            Call(() => malloc_trim(0));
        }
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
