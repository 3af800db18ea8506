using System.Collections.Concurrent;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Runtime;

public class WorkersTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(9)]
    public void Every_part_runs_once(int parts)
    {
        var seen = new ConcurrentBag<int>();
        Workers.Run(parts, seen.Add);
        Assert.Equal(Enumerable.Range(0, parts), seen.Order());
    }

    /// <summary>The caller does what no other thread of the pool has begun, so that parts may have parts of their own.</summary>
    [Fact]
    public void Parts_have_parts()
    {
        var seen = new ConcurrentBag<(int, int)>();
        Workers.Run(8, outer => Workers.Run(8, inner => seen.Add((outer, inner))));
        Assert.Equal(64, seen.Distinct().Count());
        Assert.Equal(64, seen.Count);
    }

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
