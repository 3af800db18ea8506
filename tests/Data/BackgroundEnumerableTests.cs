using CsCheck;
using UnetResnet.Data;

namespace UnetResnet.Tests.Data;

public class BackgroundEnumerableTests
{
    [Fact]
    public void The_items_are_the_same_for_any_queue() =>
        Gen.Select(Gen.Int[0, 40], Gen.Int[0, 8]).Sample(
            (count, ahead) => Assert.Equal(Enumerable.Range(0, count), Enumerable.Range(0, count).Prefetch(ahead)), iter: 50);

    [Fact]
    public void An_error_is_thrown_at_the_consumer_after_the_items_before_it()
    {
        static IEnumerable<int> Source()
        {
            yield return 1;
            yield return 2;
            throw new DatasetException("b.png", "is corrupt", "an image", "Replace it.");
        }

        foreach (int ahead in new[] { 0, 1, 5 })
        {
            var seen = new List<int>();
            var e = Assert.Throws<DatasetException>(() => seen.AddRange(Watch(Source().Prefetch(ahead), seen)));
            Assert.Equal("b.png", e.File);
            Assert.Equal([1, 2], seen);
        }

        static IEnumerable<int> Watch(IEnumerable<int> items, List<int> seen)
        {
            foreach (int item in items) seen.Add(item);
            return [];
        }
    }

    [Fact]
    public void An_early_break_ends_the_source()
    {
        int made = 0;
        bool ended = false;
        IEnumerable<int> Source()
        {
            try
            {
                while (true) yield return made++;
            }
            finally
            {
                ended = true;
            }
        }

        foreach (int item in Source().Prefetch(2))
        {
            if (item == 3) break;
        }

        Assert.True(ended);
        // 0 … 3 were taken, two were in the queue, one was waiting to get in.
        Assert.InRange(made, 4, 7);
    }

    [Fact]
    public void The_source_runs_on_another_thread_only_when_asked()
    {
        int here = Environment.CurrentManagedThreadId;
        static IEnumerable<int> Source() => Enumerable.Range(0, 3).Select(_ => Environment.CurrentManagedThreadId);
        Assert.All(Source().Prefetch(0), thread => Assert.Equal(here, thread));
        Assert.DoesNotContain(here, Source().Prefetch(1));
        Assert.Single(Source().Prefetch(1).Distinct());
    }
}
