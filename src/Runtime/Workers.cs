using static TorchSharp.torch;

namespace UnetResnet.Runtime;

/// <summary>Own loops over the numbers of tensors, on as many threads as libtorch computes with.</summary>
internal static class Workers
{
    /// <summary>How many threads.</summary>
    internal static int Count => Math.Max(1, get_num_threads());

    /// <summary>Runs parts of a work at the same time, one of them on the caller's thread; all of them there while no other thread is free.</summary>
    /// <param name="parts">How many parts.</param>
    /// <param name="part">Gets the number of a part, from 0. Does not throw.</param>
    internal static void Run(int parts, Action<int> part)
    {
        if (parts <= 1)
        {
            for (int i = 0; i < parts; i++) part(i);
            return;
        }

        Parallel.For(0, parts, new ParallelOptions { MaxDegreeOfParallelism = parts }, part);
    }

    /// <summary>The part of <paramref name="count"/> things that falls to one of several workers: where it begins and where it ends.</summary>
    internal static (int Begin, int End) Share(int count, int worker, int workers) =>
        ((int)((long)count * worker / workers), (int)((long)count * (worker + 1) / workers));

    /// <summary>The same of many things.</summary>
    internal static (nint Begin, nint End) Share(nint count, int worker, int workers) => (count / workers * worker, worker == workers - 1 ? count : count / workers * (worker + 1));
}
