using static TorchSharp.torch;

namespace UnetResnet.Runtime;

/// <summary>Own loops over the numbers of tensors, on as many threads as libtorch computes with.</summary>
internal static class Workers
{
    /// <summary>Operations below which waking another thread takes longer than what it would do.</summary>
    private const long Least = 1 << 16;

    [ThreadStatic]
    private static bool isBusy;

    /// <summary>Whether this thread computes one of several parts: its own loops are then not shared again.</summary>
    internal static bool IsBusy => isBusy;

    /// <summary>How many threads are worth so many operations on numbers in memory; one for a part's own loops.</summary>
    internal static int For(long operations) => isBusy || operations < Least ? 1 : Math.Max(1, get_num_threads());

    /// <summary>
    /// Runs parts of a work at the same time, on the caller's thread and on libtorch's own: they wait for the next operation in a loop, and would take the core from threads of
    /// the pool.
    /// </summary>
    /// <param name="parts">How many parts.</param>
    /// <param name="part">Gets the number of a part, from 0.</param>
    /// <exception cref="AggregateException">Some of several parts threw. Of a part's own loop, the first failure leaves as it is.</exception>
    internal static void Run(int parts, Action<int> part)
    {
        if (parts > 1 && !isBusy && OpenMp.IsAvailable) OpenMp.Run(parts, part);
        else if (parts > 1 && !isBusy) RunOnPool(parts, part);
        else for (int one = 0; one < parts; one++) part(one);
    }

    /// <summary>The same on threads of the pool.</summary>
    internal static void RunOnPool(int parts, Action<int> part) =>
        Parallel.For(0, parts, new ParallelOptions { MaxDegreeOfParallelism = get_num_threads() }, one => Busily(() => part(one)));

    /// <summary>Runs steps one after the other, each on all workers, which wait for each other after it.</summary>
    /// <param name="steps">How many steps.</param>
    /// <param name="step">Gets the number of a step, from 0, that of a worker, and how many workers there are: as many as libtorch has threads, or fewer.</param>
    /// <param name="between">Gets the number of a step when all workers have done it, before any begins the next.</param>
    /// <exception cref="AggregateException">A step of several workers threw; those after it have not run. Of one worker, the failure leaves as it is.</exception>
    internal static void RunSteps(int steps, Action<int, int, int> step, Action<int> between)
    {
        int workers = For(long.MaxValue);
        if (workers > 1 && OpenMp.IsAvailable) OpenMp.RunSteps(steps, step, between);
        else RunStepsOnPool(steps, workers, step, between);
    }

    /// <summary>The same on threads of the pool.</summary>
    internal static void RunStepsOnPool(int steps, int workers, Action<int, int, int> step, Action<int> between)
    {
        for (int one = 0; one < steps; one++)
        {
            if (workers > 1) RunOnPool(workers, worker => step(one, worker, workers));
            else step(one, 0, 1);
            between(one);
        }
    }

    /// <summary>Does what is part of a work.</summary>
    internal static void Busily(Action work)
    {
        bool before = isBusy;
        isBusy = true;
        try
        {
            work();
        }
        finally
        {
            isBusy = before;
        }
    }

    /// <summary>The part of <paramref name="count"/> things that falls to one of several workers: where it begins and where it ends.</summary>
    internal static (int Begin, int End) Share(int count, int worker, int workers) =>
        ((int)((long)count * worker / workers), (int)((long)count * (worker + 1) / workers));
}
