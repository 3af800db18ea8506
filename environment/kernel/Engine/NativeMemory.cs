using System.Runtime.InteropServices;

namespace Cellar.Engine;

/// <summary>The memory of native libraries.</summary>
internal static class NativeMemory
{
    /// <summary>
    /// Returns what native libraries have freed to the system. The C library keeps it for the next allocation, and after a training that was interrupted that can be
    /// gigabytes; also tensors that were left behind are freed first, by their finalisers.
    /// </summary>
    public static void GiveBack()
    {
        if (!OperatingSystem.IsLinux()) return;
        try
        {
            _ = Trim(0);
        }
        catch (EntryPointNotFoundException)
        {
            // Not the GNU C library.
        }
    }

    [DllImport("libc", EntryPoint = "malloc_trim")]
    private static extern int Trim(nuint pad);
}
