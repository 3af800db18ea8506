using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace UnetResnet.Runtime;

/// <summary>Own loops on the threads of the OpenMP that libtorch was built with: GCC's, or LLVM's, which has the same entry.</summary>
internal static unsafe class OpenMp
{
    private static readonly Lazy<nint> Entry = new(() => NativeTorch.Symbol("GOMP_parallel")), ThreadNumber = new(() => NativeTorch.Symbol("omp_get_thread_num"));

    /// <summary>Whether this libtorch has it; that for Windows does not.</summary>
    internal static bool IsAvailable => Entry.Value != 0 && ThreadNumber.Value != 0;

    /// <summary>Runs parts on the caller's thread and on the OpenMP threads that belong to it; what runs within a part stays on that part's thread.</summary>
    /// <param name="parts">How many parts.</param>
    /// <param name="part">Gets the number of a part, from 0.</param>
    /// <exception cref="AggregateException">Some parts threw; all others have run.</exception>
    internal static void Run(int parts, Action<int> part)
    {
        var work = new Work(new WorkShares(parts, Math.Max(1, get_num_threads())), part);
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

    // Libtorch's operations give each thread of the team the same share of a tensor: what one wrote before is still in the cache of its core.
    [UnmanagedCallersOnly]
    private static void Enter(nint handle)
    {
        var work = (Work)GCHandle.FromIntPtr(handle).Target!;
        int worker = ((delegate* unmanaged<int>)ThreadNumber.Value)();
        Workers.Busily(() => work.TakeParts(worker));
    }

    private sealed class Work(WorkShares shares, Action<int> part)
    {
        internal ConcurrentQueue<Exception> Failures { get; } = [];

        internal void TakeParts(int worker)
        {
            while (shares.TryTake(worker, out int next))
            {
                try
                {
                    part(next);
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
