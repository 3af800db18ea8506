using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>Peak of the process's resident memory since the last reset; on systems other than Linux since the start of the process.</summary>
internal static class PeakMemory
{
    /// <summary>Gives back what is free and starts measuring anew.</summary>
    public static void Reset()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        if (!OperatingSystem.IsLinux()) return;
        try
        {
            _ = Trim(0);
        }
        catch (EntryPointNotFoundException)
        {
            // musl has no malloc_trim.
        }

        // 5: the peak becomes what is resident now (man 5 proc, clear_refs).
        File.WriteAllText("/proc/self/clear_refs", "5");
    }

    /// <summary>The peak in MB (10⁶ bytes).</summary>
    public static double Megabytes()
    {
        if (OperatingSystem.IsLinux() && File.ReadLines("/proc/self/status").FirstOrDefault(line => line.StartsWith("VmHWM:", StringComparison.Ordinal)) is { } line)
            return long.Parse(line.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024 / 1e6;
        using var process = Process.GetCurrentProcess();
        return process.PeakWorkingSet64 / 1e6;
    }

    [DllImport("libc", EntryPoint = "malloc_trim")]
    private static extern int Trim(nuint pad);
}
