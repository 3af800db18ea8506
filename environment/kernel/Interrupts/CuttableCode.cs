using System.Reflection;
using System.Runtime;
using System.Runtime.InteropServices;

namespace Cellar.Interrupts;

/// <summary>Runs code that can be stopped anywhere, an endless loop included.</summary>
/// <remarks>
/// Only code of cells belongs in here: cut just when it has taken a lock, and before it has noted so, a thread leaves with it, and every thread that needs that lock later
/// waits for ever. The runtime's that loops take most are given back: that of the messages of exceptions, and those of the console.
/// </remarks>
internal static class CuttableCode
{
    private const int Unblock = 1, SignalSetBytes = 128;

    /// <summary>What .NET 10 locks while it looks up the message of an exception.</summary>
    private static readonly object? MessageTexts = typeof(object).Assembly.GetType("System.SR")?.GetField("_lock", BindingFlags.Static | BindingFlags.NonPublic)?.GetValue(null);

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
            if (cut.IsCancellationRequested)
            {
                foreach (object? taken in (object?[])[MessageTexts, Console.Out, Console.Error, Console.In])
                    while (taken is not null && Monitor.IsEntered(taken)) Monitor.Exit(taken);
                if (OperatingSystem.IsLinux()) UnblockActivation();
            }
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
