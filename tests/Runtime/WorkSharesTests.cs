using System.Collections.Concurrent;
using UnetResnet.Runtime;

namespace UnetResnet.Tests.Runtime;

public class WorkSharesTests
{
    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 4)] // shares without parts
    [InlineData(10, 3)]
    [InlineData(7, 7)]
    public void One_worker_gets_every_part_once(int parts, int workers)
    {
        for (int worker = 0; worker < 2 * workers; worker++) Assert.Equal(Enumerable.Range(0, parts), Taken(new WorkShares(parts, workers), worker).Order());
    }

    [Fact]
    public void A_workers_own_parts_come_first_in_their_order_and_then_the_others_from_their_end()
    {
        Assert.Equal([0, 1, 2, 5, 4, 3, 9, 8, 7, 6], Taken(new WorkShares(10, 3), 0));
        Assert.Equal([3, 4, 5, 9, 8, 7, 6, 2, 1, 0], Taken(new WorkShares(10, 3), 1));
        Assert.Equal([6, 7, 8, 9, 2, 1, 0, 5, 4, 3], Taken(new WorkShares(10, 3), 5));
    }

    [Fact]
    public void Many_workers_at_the_same_time_get_every_part_once()
    {
        const int Parts = 100_000;
        var shares = new WorkShares(Parts, 3);
        var seen = new ConcurrentBag<int>();
        Thread[] threads = [.. Enumerable.Range(0, 5).Select(worker => new Thread(() =>
        {
            while (shares.TryTake(worker, out int part)) seen.Add(part);
        }))];
        foreach (Thread thread in threads) thread.Start();
        foreach (Thread thread in threads) thread.Join();
        Assert.Equal(Enumerable.Range(0, Parts), seen.Order());
    }

    private static IEnumerable<int> Taken(WorkShares shares, int worker)
    {
        while (shares.TryTake(worker, out int part)) yield return part;
    }
}
