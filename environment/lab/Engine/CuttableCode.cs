using System.Runtime;
using System.Runtime.InteropServices;

namespace UnetResnet.Lab.Engine;

/// <summary>Runs code that can be stopped anywhere, an endless loop included.</summary>
/// <remarks>
/// Only code of cells belongs in here. Cut in the middle of the runtime's own code a thread may leave with a lock of the runtime's, and every thread that needs it later
/// waits for ever; .NET 10 was seen to lose the lock of its message texts so, when a wait was cancelled and cut at the same moment.
/// </remarks>
internal static class CuttableCode
{
    private const int Unblock = 1, SignalSetBytes = 128;

    /// <summary>Runs code.</summary>
    /// <exception cref="OperationCanceledException">It was cut.</exception>
    public static void Run(Action code, CancellationToken cut)
    {
        try
        {
            // Obsolete as a warning that shared state may be left half changed; here it is the state of a notebook whose cell is about to fail.
#pragma warning disable SYSLIB0046
            ControlledExecution.Run(code, cut);
#pragma warning restore SYSLIB0046
        }
        finally
        {
            if (cut.IsCancellationRequested && OperatingSystem.IsLinux()) UnblockActivation();
        }
    }

    /// <summary>
    /// .NET 10 on Linux cuts a thread inside the handler of its activation signal, and leaves that signal blocked. The thread would hand this on to every thread that it
    /// starts, those of the thread pool among them, and the first endless loop on one of these could be neither cut nor stopped for a collection.
    /// </summary>
    private static void UnblockActivation()
    {
        int signal = FirstRealTimeSignal() - 1;
        var set = new byte[SignalSetBytes];
        set[signal / 8] = (byte)(1 << (signal % 8));
        _ = ChangeSignalMask(Unblock, set, 0);
    }

    [DllImport("libc", EntryPoint = "__libc_current_sigrtmin")]
    private static extern int FirstRealTimeSignal();

    [DllImport("libc", EntryPoint = "pthread_sigmask")]
    private static extern int ChangeSignalMask(int how, byte[] set, nint old);
}
