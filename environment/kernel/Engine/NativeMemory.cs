using System.Runtime.InteropServices;

namespace Cellar.Engine;

/// <summary>
/// Returns what native libraries have freed to the system. The C library keeps it for the next allocation, and after a training that can be gigabytes.
/// </summary>
internal static class NativeMemory
{
    private const long Much = 256L << 20;

    private static int busy;

    /// <summary>After a cell that was stopped: what it left behind is collected, which frees its tensors, and then returned. Goes on in the background.</summary>
    public static void GiveBackAll()
    {
        if (!OperatingSystem.IsLinux() || Interlocked.Exchange(ref busy, 1) == 1) return;
        _ = Task.Run(() =>
        {
            try
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                Trim();
            }
            finally
            {
                busy = 0;
            }
        });
    }

    /// <summary>When nothing is asked for: returned if it is much.</summary>
    public static void GiveBackMuch()
    {
        if (OperatingSystem.IsLinux() && Kept() > Much) Trim();
    }

    /// <summary>After the start: what it has used and nobody needs any more is returned, managed memory too.</summary>
    public static void GiveBackUnused()
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        if (OperatingSystem.IsLinux()) Trim();
    }

    /// <summary>Bytes that are freed and kept.</summary>
    private static long Kept()
    {
        try
        {
            return (long)MallInfo().FreeBytes;
        }
        catch (EntryPointNotFoundException)
        {
            return 0; // not the GNU C library
        }
    }

    private static void Trim()
    {
        try
        {
            _ = MallocTrim(0);
        }
        catch (EntryPointNotFoundException)
        {
            // Not the GNU C library.
        }
    }

    [DllImport("libc", EntryPoint = "malloc_trim")]
    private static extern int MallocTrim(nuint pad);

    [DllImport("libc", EntryPoint = "mallinfo2")]
    private static extern Information MallInfo();

    /// <summary>The C library's <c>struct mallinfo2</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private readonly struct Information
    {
        private readonly nuint arena, freeChunks, fastChunks, mapped, mappedBytes, peak, fastBytes, usedBytes;

        public readonly nuint FreeBytes;

        private readonly nuint keepCost;
    }
}
