using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace UnetResnet.Runtime;

/// <summary>Own loops on the threads of the OpenMP that libtorch was built with: GCC's, or LLVM's, which has the same entry.</summary>
internal static unsafe class OpenMp
{
    private static readonly Lazy<nint> Entry = new(() => NativeTorch.Symbol("GOMP_parallel")), Wait = new(() => NativeTorch.Symbol("GOMP_barrier"));

    private static readonly Lazy<nint> ThreadNumber = new(() => NativeTorch.Symbol("omp_get_thread_num")), ThreadCount = new(() => NativeTorch.Symbol("omp_get_num_threads"));

    /// <summary>Whether this libtorch has it; that for Windows does not.</summary>
    internal static bool IsAvailable => new[] { Entry, Wait, ThreadNumber, ThreadCount }.All(symbol => symbol.Value != 0);

    /// <summary>Runs parts on the caller's thread and on the OpenMP threads that belong to it; what runs within a part stays on that part's thread.</summary>
    /// <param name="parts">How many parts.</param>
    /// <param name="part">Gets the number of a part, from 0.</param>
    /// <exception cref="AggregateException">Some parts threw; all others have run.</exception>
    internal static void Run(int parts, Action<int> part)
    {
        var work = new Parts(new WorkShares(parts, Math.Max(1, get_num_threads())), part);
        Run(work);
    }

    /// <summary>Runs steps one after the other, each on the caller's thread and on the OpenMP threads that belong to it; they wait for each other after every step.</summary>
    /// <param name="steps">How many steps.</param>
    /// <param name="step">Gets the number of a step, from 0, that of the worker, and how many workers there are.</param>
    /// <param name="between">Gets the number of a step when all workers have done it, before any begins the next.</param>
    /// <exception cref="AggregateException">A step threw; those after it have not run.</exception>
    internal static void RunSteps(int steps, Action<int, int, int> step, Action<int> between) => Run(new Steps(steps, step, between));

    private static void Run(Work work)
    {
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
        Workers.Busily(() => work.Do(worker));
    }

    private abstract class Work
    {
        internal ConcurrentQueue<Exception> Failures { get; } = [];

        internal abstract void Do(int worker);

        /// <summary>An exception must not leave for native code, which would end the process.</summary>
        protected void Try(Action<int, int, int> action, int first, int second = 0, int third = 0)
        {
            try
            {
                action(first, second, third);
            }
            catch (Exception e)
            {
                Failures.Enqueue(e);
            }
        }
    }

    private sealed class Parts(WorkShares shares, Action<int> part) : Work
    {
        internal override void Do(int worker)
        {
            while (shares.TryTake(worker, out int next)) Try((one, _, _) => part(one), next);
        }
    }

    private sealed class Steps(int count, Action<int, int, int> step, Action<int> between) : Work
    {
        private readonly int[] done = new int[count];

        internal override void Do(int worker)
        {
            int workers = ((delegate* unmanaged<int>)ThreadCount.Value)();
            for (int one = 0; one < count; one++)
            {
                // After a failure too every worker comes to every meeting: the others would wait for it.
                if (Failures.IsEmpty) Try(step, one, worker, workers);
                if (Interlocked.Increment(ref done[one]) == workers && Failures.IsEmpty) Try((last, _, _) => between(last), one);
                ((delegate* unmanaged<void>)Wait.Value)();
            }
        }
    }
}
