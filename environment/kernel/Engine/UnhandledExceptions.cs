using System.Runtime.ExceptionServices;
using Cellar.Interrupts;

namespace Cellar.Engine;

/// <summary>
/// Exceptions that nobody catches, on threads and in finalisers that cells have made and in their <c>async void</c> methods, are shown below the cell that is running, or the
/// next one; the process goes on.
/// </summary>
internal static class UnhandledExceptions
{
    private static readonly Lock Gate = new();
    private static readonly Queue<Exception> Waiting = new();
    private static bool installed;

    /// <summary>Takes care of them from now on; repeated calls change nothing.</summary>
    public static void Install()
    {
        lock (Gate)
        {
            if (installed) return;
            installed = true;
            try
            {
                ExceptionHandling.SetUnhandledExceptionHandler(Take);
            }
            catch (InvalidOperationException)
            {
                // Whoever owns this process has a handler already.
            }
        }
    }

    /// <summary>Takes what came while no cell was running.</summary>
    public static IReadOnlyList<Exception> TakeWaiting()
    {
        lock (Gate)
        {
            Exception[] all = [.. Waiting];
            Waiting.Clear();
            return all;
        }
    }

    private static bool Take(Exception exception)
    {
        if (exception is OperationCanceledException && StopSignal.Current is { IsAsked: true }) return true; // that is how an interrupt ends a thread
        if (CellScope.Current is { } cell) cell.Report(exception);
        else
            lock (Gate) Waiting.Enqueue(exception);
        return true;
    }
}
