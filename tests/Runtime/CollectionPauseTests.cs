using System.Text.RegularExpressions;
using UnetResnet.Runtime;

namespace UnetResnet.Tests.Runtime;

public class CollectionPauseTests
{
    [Fact]
    public void Nothing_is_collected_until_it_ends()
    {
        using (new CollectionPause())
        {
            int before = GC.CollectionCount(0);
            // 32 MB in small pieces: half the budget, and far more than what starts a collection otherwise.
            for (int i = 0; i < 32 << 10; i++) GC.KeepAlive(new byte[1000]);
            Assert.Equal(before, GC.CollectionCount(0));
        }

        int ended = GC.CollectionCount(0); // a pause and its end are counted themselves
        for (int i = 0; i < 1 << 20; i++) GC.KeepAlive(new byte[1000]);
        Assert.True(GC.CollectionCount(0) > ended);
    }

    /// <summary>Wherever a network is trained; an optimiser hands most of the numbers over that a collection can take away.</summary>
    [Fact]
    public void Every_training_loop_has_one()
    {
        string root = Directory.GetParent(BundledFiles.Root)!.FullName;
        string[] loops = [.. ((string[])["src", "environment/lab/Pretraining"]).SelectMany(f => Directory.GetFiles(Path.Combine(root, f), "*.cs", SearchOption.AllDirectories))
            .Where(f => Regex.IsMatch(File.ReadAllText(f), @"\.backward\(\);"))];
        Assert.Contains(loops, f => Path.GetFileName(f) == "Trainer.cs");
        Assert.All(loops, f => Assert.True(File.ReadAllText(f).Contains("new CollectionPause()", StringComparison.Ordinal), $"{f} trains without a CollectionPause."));
    }

    /// <summary>Half a budget may pass between two renewals; what is renewed more often goes on without a collection.</summary>
    [Fact]
    public void A_renewed_one_lasts()
    {
        using var pause = new CollectionPause();
        int before = GC.CollectionCount(0);
        for (int batch = 0; batch < 10; batch++)
        {
            pause.Renew();
            for (int i = 0; i < 1 << 10; i++) GC.KeepAlive(new byte[1000]);
        }

        Assert.Equal(before, GC.CollectionCount(0));
        // 20 times 16 MB are five budgets.
        for (int batch = 0; batch < 20; batch++)
        {
            pause.Renew();
            int begun = GC.CollectionCount(0);
            for (int i = 0; i < 16 << 10; i++) GC.KeepAlive(new byte[1000]);
            Assert.Equal(begun, GC.CollectionCount(0));
        }

        Assert.True(GC.CollectionCount(0) > before);
    }

    [Fact]
    public void Too_much_allocation_ends_it_without_an_error()
    {
        using var pause = new CollectionPause();
        for (int i = 0; i < 1 << 19; i++) GC.KeepAlive(new byte[1000]);
    }

    /// <summary>With a large cache the runtime itself would wait for hundreds of megabytes.</summary>
    [Fact]
    public void Garbage_is_collected_between_pauses_before_it_becomes_much()
    {
        GC.Collect();
        long most = 0, before = GC.GetTotalMemory(forceFullCollection: false);
        for (int pause = 0; pause < 200; pause++)
        {
            using (new CollectionPause())
            {
                for (int i = 0; i < 2 << 10; i++) GC.KeepAlive(new byte[1000]);
            }

            most = Math.Max(most, GC.GetTotalMemory(forceFullCollection: false) - before);
        }

        // 400 MB in all; 64 MB and what other tests allocate meanwhile may wait.
        Assert.InRange(most, 1, 150e6);
    }

    [Fact]
    public void An_inner_one_does_not_end_the_outer_one()
    {
        using var outer = new CollectionPause();
        using (new CollectionPause())
        {
        }

        Assert.Equal(System.Runtime.GCLatencyMode.NoGCRegion, System.Runtime.GCSettings.LatencyMode);
    }
}
