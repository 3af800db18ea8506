using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace UnetResnet.Runtime;

/// <summary>Own loops on the threads of the OpenMP that libtorch was built with: GCC's, or LLVM's, which has the same entry.</summary>
internal static unsafe class OpenMp
{
    private static readonly Lazy<nint> Entry = new(() => NativeTorch.Symbol("GOMP_parallel"));

    /// <summary>Whether this libtorch has it; that for Windows does not.</summary>
    internal static bool IsAvailable => Entry.Value != 0;

    /// <summary>Runs parts on the caller's thread and on the OpenMP threads that belong to it; what runs within a part stays on that part's thread.</summary>
    /// <param name="parts">How many parts.</param>
    /// <param name="part">Gets the number of a part, from 0.</param>
    /// <exception cref="AggregateException">Some parts threw; all others have run.</exception>
    internal static void Run(int parts, Action<int> part)
    {
        var work = new Work(parts, part);
        var handle = GCHandle.Alloc(work);
        try
        {
            // 0: as many threads as libtorch's operations on this thread get. A team of another size would be built anew at every change.
            ((delegate* unmanaged<delegate* unmanaged<nint, void>, nint, uint, uint, void>)Entry.Value)(&Enter, GCHandle.ToIntPtr(handle), 0, 0);
        }
        finally
        {
            handle.Free();
        }

        if (!work.Failures.IsEmpty) throw new AggregateException(work.Failures);
    }

    [UnmanagedCallersOnly]
    private static void Enter(nint handle) => ((Work)GCHandle.FromIntPtr(handle).Target!).TakeParts();

    /// <summary>Parts, of which each who comes takes the next one.</summary>
    private sealed class Work(int parts, Action<int> part)
    {
        private int taken;

        internal ConcurrentQueue<Exception> Failures { get; } = [];

        internal void TakeParts()
        {
            for (int next = Interlocked.Increment(ref taken); next <= parts; next = Interlocked.Increment(ref taken))
            {
                try
                {
                    part(next - 1);
                }
                catch (Exception e)
                {
                    // It must not leave for native code, which would end the process.
                    Failures.Enqueue(e);
                }
            }
        }
    }
}
