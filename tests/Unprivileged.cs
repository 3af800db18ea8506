using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace UnetResnet.Tests;

/// <summary>
/// Work on a thread that has a common user's rights. Root may read and write everything, so that tests of folders that must not be read or written would show nothing where root runs them.
/// </summary>
internal static class Unprivileged
{
    private const int Nobody = 65534;

    private static readonly Lazy<bool> Possible = new(() =>
    {
        if (OperatingSystem.IsWindows()) return false;
        if (!Environment.IsPrivilegedProcess) return true;
        // Some containers have no other user than root.
        bool dropped = false;
        var thread = new Thread(() => dropped = Drop());
        thread.Start();
        thread.Join();
        return dropped;
    });

    /// <summary>Whether a thread can be had whose rights are those of a common user.</summary>
    internal static bool IsPossible => Possible.Value;

    /// <summary>Runs the work; what it throws is thrown. Only what it does on its own thread has the rights.</summary>
    internal static void Run(Action work)
    {
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                if (Environment.IsPrivilegedProcess) Assert.True(Drop());
                work();
            }
            catch (Exception e)
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }
        });
        thread.Start();
        thread.Join();
        failure?.Throw();
    }

    /// <summary>The system call changes this thread alone; the C library's function of that name would change all.</summary>
    private static bool Drop()
    {
        int setresuid = RuntimeInformation.OSArchitecture switch { System.Runtime.InteropServices.Architecture.X64 => 117, System.Runtime.InteropServices.Architecture.Arm64 => 147, _ => 0 };
        return OperatingSystem.IsLinux() && setresuid > 0 && Call(setresuid, -1, Nobody, -1) == 0;
    }

    [DllImport("libc", EntryPoint = "syscall")]
    private static extern nint Call(nint number, nint real, nint effective, nint saved);
}
