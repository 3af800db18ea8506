using UnetResnet.Data;

namespace UnetResnet.Tests.Data;

public class InParallelTests
{
    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 8)]
    [InlineData(100, 1)]
    [InlineData(100, 2)]
    [InlineData(100, 8)]
    public void Every_item_is_worked_on_once(int count, int workers)
    {
        var times = new int[count];
        InParallel.For(count, workers, i => Interlocked.Increment(ref times[i]));
        Assert.All(times, time => Assert.Equal(1, time));
        Assert.InRange(InParallel.DefaultWorkers, 1, 8);
    }

    /// <summary>As a loop would; what stands before it is done.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Of_several_failures_the_first_is_thrown_as_it_is(int workers)
    {
        var done = new bool[50];
        var failure = Assert.Throws<InvalidOperationException>(() => InParallel.For(50, workers, i =>
        {
            if (i is 20 or 30 or 40) throw new InvalidOperationException($"{i}");
            done[i] = true;
        }));
        Assert.Equal("20", failure.Message);
        Assert.All(done[..20], Assert.True);
    }

    /// <summary>The first waits until the second has failed, where they run at the same time.</summary>
    [Fact]
    public void A_failure_that_came_earlier_does_not_hide_one_before_it()
    {
        using var failed = new ManualResetEventSlim();
        Assert.Equal("0", Assert.Throws<InvalidOperationException>(() => InParallel.For(2, 2, i =>
        {
            if (i == 0) failed.Wait(TimeSpan.FromSeconds(2));
            else failed.Set();
            throw new InvalidOperationException($"{i}");
        })).Message);
    }

    [Fact]
    public void One_worker_keeps_the_order_and_the_thread()
    {
        var seen = new List<(int, int)>();
        InParallel.For(5, 1, i => seen.Add((i, Environment.CurrentManagedThreadId)));
        Assert.Equal(Enumerable.Range(0, 5).Select(i => (i, Environment.CurrentManagedThreadId)), seen);
    }
}
