using static TorchSharp.torch;

namespace UnetResnet.Runtime;

/// <summary>Own loops over the numbers of tensors, on as many threads as libtorch computes with.</summary>
internal static class Workers
{
    /// <summary>Operations below which waking another thread takes longer than what it would do.</summary>
    private const long Least = 1 << 16;

    /// <summary>How many threads are worth so many operations on numbers in memory.</summary>
    internal static int For(long operations) => operations < Least ? 1 : Math.Max(1, get_num_threads());

    /// <summary>Runs parts of a work at the same time, on the caller's thread and on others of the pool; the caller does what no other has begun when it is through with its own.</summary>
    /// <param name="parts">How many parts.</param>
    /// <param name="part">Gets the number of a part, from 0. Does not throw.</param>
    internal static void Run(int parts, Action<int> part)
    {
        if (parts == 1)
        {
            part(0);
            return;
        }

        var work = new Work(parts, part);
        for (int i = 1; i < parts; i++) ThreadPool.UnsafeQueueUserWorkItem(work, preferLocal: false);
        work.Execute();
        work.Wait();
    }

    /// <summary>The part of <paramref name="count"/> things that falls to one of several workers: where it begins and where it ends.</summary>
    internal static (int Begin, int End) Share(int count, int worker, int workers) =>
        ((int)((long)count * worker / workers), (int)((long)count * (worker + 1) / workers));

    /// <summary>Parts, of which each who comes takes the next one.</summary>
    private sealed class Work(int parts, Action<int> part) : IThreadPoolWorkItem
    {
        private int taken, done;

        public void Execute()
        {
            for (int next = Interlocked.Increment(ref taken); next <= parts; next = Interlocked.Increment(ref taken))
            {
                part(next - 1);
                Interlocked.Increment(ref done);
            }
        }

        /// <summary>Until those that others have begun are done, which takes as long as one's own.</summary>
        internal void Wait()
        {
            var spinner = new SpinWait();
            while (Volatile.Read(ref done) < parts) spinner.SpinOnce(sleep1Threshold: -1);
        }
    }
}
