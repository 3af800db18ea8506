using System.Runtime.InteropServices;

namespace UnetResnet.Lab.Running;

/// <summary>A process and the children that it leaves behind, as Unix can end them together. On Windows nothing is done.</summary>
internal static class ProcessGroup
{
    private const int Kill9 = 9;

    /// <summary>Makes this process the leader of a group of its own, which its children join.</summary>
    public static void Lead()
    {
        if (!OperatingSystem.IsWindows()) _ = SetProcessGroup(0, 0);
    }

    /// <summary>Kills every process of a group that is still there, its leader included.</summary>
    /// <param name="leader">Id of the process that called <see cref="Lead"/>; it may have ended.</param>
    public static void Kill(int leader)
    {
        if (!OperatingSystem.IsWindows()) _ = Signal(-leader, Kill9);
    }

    /// <summary>Keeps a handle from children that are started from now on: whoever waits for its end does not wait for theirs.</summary>
    public static void KeepFromChildren(SafeHandle handle)
    {
        if (!OperatingSystem.IsWindows()) _ = Control((int)handle.DangerousGetHandle(), OperatingSystem.IsMacOS() ? 0x20006601u : 0x5451u); // FIOCLEX
    }

    [DllImport("libc", EntryPoint = "setpgid")]
    private static extern int SetProcessGroup(int process, int group);

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Signal(int process, int signal);

    [DllImport("libc", EntryPoint = "ioctl")]
    private static extern int Control(int file, nuint request);
}
