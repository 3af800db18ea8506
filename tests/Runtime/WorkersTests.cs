using System.Collections.Concurrent;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Runtime;

public class WorkersTests : ManyThreadsTest
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(1000)]
    public void Every_part_runs_once(int parts)
    {
        foreach (Action<int, Action<int>> run in Ways)
        {
            var seen = new ConcurrentBag<int>();
            run(parts, seen.Add);
            Assert.Equal(Enumerable.Range(0, parts), seen.Order());
        }
    }

    [Fact]
    public void Parts_have_parts()
    {
        foreach (Action<int, Action<int>> run in Ways)
        {
            var seen = new ConcurrentBag<(int, int)>();
            run(8, outer => run(8, inner => seen.Add((outer, inner))));
            Assert.Equal(64, seen.Distinct().Count());
            Assert.Equal(64, seen.Count);
        }
    }

    /// <summary>An exception that left a part for native code would end the process.</summary>
    [Fact]
    public void What_a_part_throws_arrives_and_on_OpenMPs_threads_the_others_run()
    {
        foreach (Action<int, Action<int>> run in Ways)
        {
            var thrown = Assert.Throws<AggregateException>(() => run(20, part =>
            {
                if (part == 0) throw new InvalidOperationException("part 0");
            }));
            Assert.Equal("part 0", Assert.Single(thrown.InnerExceptions).Message);
        }

        if (!OpenMp.IsAvailable) return;
        int all = 0;
        var failures = Assert.Throws<AggregateException>(() => OpenMp.Run(20, _ =>
        {
            Interlocked.Increment(ref all);
            throw new InvalidOperationException();
        }));
        Assert.Equal((20, 20), (all, failures.InnerExceptions.Count));
    }

    /// <summary>Each thread of .NET's has OpenMP threads of its own.</summary>
    [Fact]
    public void Many_threads_run_parts_at_the_same_time()
    {
        long sum = 0;
        Thread[] threads = [.. Enumerable.Range(0, 8).Select(_ => new Thread(() =>
        {
            for (int round = 0; round < 50; round++) Workers.Run(10, part => Interlocked.Add(ref sum, part));
        }))];
        foreach (Thread thread in threads) thread.Start();
        foreach (Thread thread in threads) thread.Join();
        Assert.Equal(8 * 50 * 45, sum);
    }

    /// <summary>A collection stops OpenMP's threads in managed code as it stops .NET's own.</summary>
    [Fact]
    public void Parts_allocate_and_collect()
    {
        var kept = new ConcurrentBag<byte[]>();
        Workers.Run(200, part =>
        {
            kept.Add(new byte[10_000]);
            if (part % 50 == 0) GC.Collect();
        });
        Assert.Equal(200, kept.Count);
    }

    [Fact]
    public void On_Linux_parts_run_on_the_threads_of_libtorch() => Assert.True(OpenMp.IsAvailable || !OperatingSystem.IsLinux());

    private static IEnumerable<Action<int, Action<int>>> Ways => [Workers.Run, Workers.RunOnPool, .. OpenMp.IsAvailable ? [OpenMp.Run] : Array.Empty<Action<int, Action<int>>>()];

    /// <summary>What runs within a part stays on its thread, and its thread is free again afterwards, whatever happened.</summary>
    [Fact]
    public void Loops_of_a_part_stay_on_its_thread()
    {
        foreach (Action<int, Action<int>> run in Ways)
        {
            var elsewhere = new ConcurrentBag<int>();
            int inner = 0;
            run(8, part =>
            {
                int thread = Environment.CurrentManagedThreadId;
                if (!Workers.IsBusy || Workers.For(long.MaxValue) != 1) elsewhere.Add(-1);
                Workers.Run(5, _ =>
                {
                    Interlocked.Increment(ref inner);
                    if (Environment.CurrentManagedThreadId != thread) elsewhere.Add(part);
                });
            });
            Assert.Empty(elsewhere);
            Assert.Equal(40, inner);
            Assert.Throws<AggregateException>(() => run(8, _ => throw new InvalidOperationException()));
            Assert.False(Workers.IsBusy);
            run(8, _ => Interlocked.Increment(ref inner));
            Assert.Equal(48, inner);
        }
    }

    /// <summary>Each worker does each step once, none before all have done the one before, and what comes between is done once, by then.</summary>
    [Fact]
    public void Steps_wait_for_each_other()
    {
        foreach (Action<int, Action<int, int, int>, Action<int>> run in StepWays)
        {
            const int Steps = 200;
            int[] done = new int[Steps], between = new int[Steps];
            int all = 0;
            var wrong = new ConcurrentBag<string>();
            run(Steps, (step, worker, workers) =>
            {
                if (worker == 0) all = workers;
                if (worker < 0 || worker >= workers || workers > get_num_threads()) wrong.Add($"worker {worker} of {workers}");
                if (step > 0 && between[step - 1] != 1) wrong.Add($"step {step} began too early");
                if (!Workers.IsBusy && workers > 1) wrong.Add("its loops would be shared");
                Interlocked.Increment(ref done[step]);
            }, step =>
            {
                if (done[step] != all) wrong.Add($"{done[step]} of {all} had done step {step}");
                Interlocked.Increment(ref between[step]);
            });
            Assert.Empty(wrong);
            Assert.All(done, count => Assert.Equal(all, count));
            Assert.All(between, count => Assert.Equal(1, count));
        }
    }

    /// <summary>Whoever fails must still meet the others, who would wait for ever.</summary>
    [Fact]
    public void A_step_that_fails_ends_the_ones_after_it()
    {
        foreach (Action<int, Action<int, int, int>, Action<int>> run in StepWays)
        {
            int last = 0;
            Exception thrown = Assert.ThrowsAny<Exception>(() => run(10, (step, worker, _) =>
            {
                last = Math.Max(last, step);
                if (step == 4 && worker == 0) throw new InvalidOperationException("step 4");
            }, _ => { }));
            Assert.Equal("step 4", (thrown is AggregateException several ? Assert.Single(several.InnerExceptions) : thrown).Message);
            Assert.Equal(4, last);

            thrown = Assert.ThrowsAny<Exception>(() => run(10, (step, _, _) => last = Math.Max(last, step), step =>
            {
                if (step == 6) throw new InvalidOperationException("after step 6");
            }));
            Assert.Equal("after step 6", (thrown is AggregateException all ? Assert.Single(all.InnerExceptions) : thrown).Message);
            Assert.Equal(6, last);
            Assert.False(Workers.IsBusy);
        }
    }

    /// <summary>Within a part there is one worker left.</summary>
    [Fact]
    public void Steps_of_a_part_stay_on_its_thread()
    {
        int steps = 0;
        Workers.Run(8, _ => Workers.RunSteps(3, (_, _, workers) => Interlocked.Add(ref steps, workers), _ => { }));
        Assert.Equal(24, steps);
    }

    /// <summary>Many threads of .NET's, each with a team that meets.</summary>
    [Fact]
    public void Many_threads_run_steps_at_the_same_time()
    {
        long sum = 0;
        Thread[] threads = [.. Enumerable.Range(0, 8).Select(_ => new Thread(() =>
        {
            for (int round = 0; round < 20; round++) Workers.RunSteps(10, (step, worker, _) => Interlocked.Add(ref sum, worker == 0 ? step : 0), _ => { });
        }))];
        foreach (Thread thread in threads) thread.Start();
        foreach (Thread thread in threads) thread.Join();
        Assert.Equal(8 * 20 * 45, sum);
    }

    private static IEnumerable<Action<int, Action<int, int, int>, Action<int>>> StepWays =>
    [
        Workers.RunSteps,
        (steps, step, between) => Workers.RunStepsOnPool(steps, 1, step, between),
        (steps, step, between) => Workers.RunStepsOnPool(steps, get_num_threads(), step, between),
        .. OpenMp.IsAvailable ? [OpenMp.RunSteps] : Array.Empty<Action<int, Action<int, int, int>, Action<int>>>(),
    ];

    [Theory]
    [InlineData(10, 3)]
    [InlineData(2, 4)]
    [InlineData(int.MaxValue, 7)]
    public void Shares_follow_each_other_from_the_first_to_the_last(int count, int workers)
    {
        (int Begin, int End)[] shares = [.. Enumerable.Range(0, workers).Select(worker => Workers.Share(count, worker, workers))];
        Assert.Equal([0, .. shares.SkipLast(1).Select(share => share.End)], shares.Select(share => share.Begin));
        Assert.Equal(count, shares[^1].End);
        Assert.InRange(shares.Max(share => share.End - share.Begin) - shares.Min(share => share.End - share.Begin), 0, 1);
    }

    [Fact]
    public void Little_work_wakes_nobody()
    {
        Assert.Equal(1, Workers.For(1000));
        Assert.Equal(get_num_threads(), Workers.For(long.MaxValue));
    }
}
