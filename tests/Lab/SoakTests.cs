using System.Diagnostics;
using UnetResnet.Lab.Benchmarks;

namespace UnetResnet.Tests.Lab;

/// <summary>A short form of <c>lab bench soak</c>: what is tried must survive, and no tensor may stay. What a few turns tell of resident memory is noise.</summary>
[Trait("Category", "Reliability")]
public class SoakTests
{
    [Fact]
    public void Steps_diagnoses_saves_cells_and_kills_lose_nothing()
    {
        var plan = new SoakPlan(Steps: 50, Diagnoses: 2, Saves: 5, Cells: 20, Kills: 5);
        IReadOnlyList<SoakPart> parts = SoakBenchmark.Run(plan, seed: 0, new Lines(), default);
        Assert.Equal([50, 2, 5, 20, 5], parts.Select(part => part.Tried));
        Assert.All(parts, part => Assert.Equal((0, part.LiveTensorsBefore), (part.Lost, part.LiveTensorsAfter)));
    }

    /// <summary>Two processes that train the same in one folder: neither harms the other's files, and both end as one alone does.</summary>
    [Fact]
    public void Two_trainings_in_one_folder_do_each_other_no_harm()
    {
        using var folder = new TemporaryFolder();
        const int epochs = 60;
        Process[] both = [SoakKills.Start(folder["shared"], epochs), SoakKills.Start(folder["shared"], epochs)];
        string[] ends = [.. both.Select(SoakKills.Finish)];
        Assert.Equal(ends[0], ends[1]);
        Assert.Equal(SoakKills.Finish(SoakKills.Start(folder["alone"], epochs)), ends[0]);
        Assert.Equal((epochs, 0), SoakKills.Look(folder["shared"]));
        Assert.Empty(Directory.GetFiles(folder["shared"], "*.tmp"));
    }

    [Fact]
    public void A_part_that_lost_or_left_something_behind_does_not_hold()
    {
        var whole = new SoakPart("work", 10, 10, 5, 5, 100, 140, 50, 1);
        Assert.True(whole.Holds);
        Assert.Equal(1, (whole with { Survived = 9 }).Lost);
        Assert.All(new[] { whole with { Survived = 9 }, whole with { LiveTensorsAfter = 6 }, whole with { RssAfterMb = 151 } }, part => Assert.False(part.Holds));
        var killed = new KillResult(50, 1, 0, 12, 0, SameLosses: true);
        Assert.True(killed.Holds);
        Assert.All(new[] { killed with { MostEpochsLost = 2 }, killed with { DamagedFiles = 1 }, killed with { LeftOverAtTheEnd = 1 }, killed with { SameLosses = false } }, result => Assert.False(result.Holds));
    }

    private sealed class Lines : IProgress<string>
    {
        public void Report(string value)
        {
        }
    }
}
