using CsCheck;
using UnetResnet.Data;

namespace UnetResnet.Tests.Data;

public class SplitTests
{
    [Fact]
    public void Blocks_stand_in_the_middle_of_equal_stretches()
    {
        DatasetSplit split = BlockSplit.Create(20, new BlockSplitOptions { Blocks = 2, ValidationShare = 0.2, Gap = 1 });
        Assert.Equal([4, 5, 14, 15], split.Validation);
        Assert.Equal([0, 1, 2, 7, 8, 9, 10, 11, 12, 17, 18, 19], split.Train);
    }

    [Fact]
    public void Neighbours_never_stand_on_both_sides() =>
        Gen.Select(Gen.Int[0, 300], Gen.Int[1, 5], Gen.Double[0.01, 0.9], Gen.Int[0, 6]).Sample((count, blocks, share, gap) =>
        {
            var options = new BlockSplitOptions { Blocks = blocks, ValidationShare = share, Gap = gap };
            DatasetSplit split;
            try
            {
                split = BlockSplit.Create(count, options);
            }
            catch (ArgumentException e)
            {
                // Refused only where a stretch cannot hold a block, both gaps and one training place on either side.
                Assert.Contains("too short", e.Message);
                double stretch = count / blocks;
                double block = Math.Max(1, Math.Round(stretch * share) + 1);
                Assert.True(stretch < block + 2 * gap + 4, $"refused {count} places, {options}");
                return;
            }

            Assert.NotEmpty(split.Train);
            Assert.NotEmpty(split.Validation);
            Assert.All(split.Train, train => Assert.All(split.Validation, validation => Assert.True(Math.Abs(train - validation) > gap)));
            Assert.Equal(2 * blocks * gap, count - split.Train.Count - split.Validation.Count);
            Assert.Equal(blocks, 1 + split.Validation.Zip(split.Validation.Skip(1)).Count(pair => pair.Second != pair.First + 1));
            Assert.InRange(split.Validation.Count, share * count - blocks, Math.Max(share * count, blocks) + blocks);
        }, iter: 500);

    /// <summary>Two stretches of 50: 15 places of each in its middle, two left out on either side.</summary>
    [Fact]
    public void By_default_two_blocks_hold_three_tenths()
    {
        DatasetSplit split = BlockSplit.Create(100);
        Assert.Equal([.. Enumerable.Range(17, 15), .. Enumerable.Range(67, 15)], split.Validation);
        Assert.Equal([.. Enumerable.Range(0, 15), .. Enumerable.Range(34, 31), .. Enumerable.Range(84, 16)], split.Train);
        int[] patients = [.. Enumerable.Range(0, 100).Select(i => i / 5)];
        Assert.Equal(GroupSplit.Create(patients, 0.3, 0).Validation, GroupSplit.Create(patients).Validation);
    }

    /// <summary>One place for validation, the gaps, and a place for training on either side.</summary>
    [Theory]
    [InlineData(0, 3)]
    [InlineData(1, 5)]
    [InlineData(2, 7)]
    public void The_shortest_series_has_a_training_place_on_both_sides(int gap, int count)
    {
        var options = new BlockSplitOptions { Blocks = 1, ValidationShare = 0.01, Gap = gap };
        DatasetSplit split = BlockSplit.Create(count, options);
        Assert.Equal([count / 2], split.Validation);
        Assert.Equal([0, count - 1], split.Train);
        Assert.Contains("too short", Assert.Throws<ArgumentException>("count", () => BlockSplit.Create(count - 1, options)).Message);
    }

    [Theory]
    [InlineData(0.0)]
    [InlineData(1.0)]
    [InlineData(-0.1)]
    [InlineData(double.NaN)]
    public void A_share_of_nothing_or_all_is_refused(double share) => Assert.Throws<ArgumentOutOfRangeException>("validationShare", () => GroupSplit.Create([1, 2, 3], share));

    [Theory]
    [InlineData(0, 0.3, 2)]
    [InlineData(2, 0.0, 2)]
    [InlineData(2, 1.0, 2)]
    [InlineData(2, double.NaN, 2)]
    [InlineData(2, 0.3, -1)]
    public void Impossible_options_are_refused(int blocks, double share, int gap) => Assert.Throws<ArgumentOutOfRangeException>(
        () => BlockSplit.Create(100, new BlockSplitOptions { Blocks = blocks, ValidationShare = share, Gap = gap }));

    [Fact]
    public void A_group_never_stands_on_both_sides() =>
        Gen.Select(Gen.Int[0, 9].Array[2, 80], Gen.Double[0.05, 0.95], Gen.Int[0, 1000]).Sample((keys, share, seed) =>
        {
            if (keys.Distinct().Count() < 2) return;
            DatasetSplit split = GroupSplit.Create(keys, share, seed);
            Assert.Empty(split.Train.Select(place => keys[place]).Intersect(split.Validation.Select(place => keys[place])));
            Assert.Equal(Enumerable.Range(0, keys.Length), split.Train.Concat(split.Validation).Order());
            Assert.NotEmpty(split.Train);
            Assert.NotEmpty(split.Validation);
            int largest = keys.GroupBy(key => key).Max(group => group.Count());
            Assert.True(Math.Abs(split.Validation.Count - share * keys.Length) <= largest, "the share is missed by more than one group");
        }, iter: 500);

    [Fact]
    public void Groups_depend_on_the_seed_alone()
    {
        int[] patients = [.. Enumerable.Range(0, 100).Select(i => i / 5)];
        Assert.Equal(GroupSplit.Create(patients, 0.3, 7).Validation, GroupSplit.Create(patients, 0.3, 7).Validation);
        Assert.NotEqual(GroupSplit.Create(patients, 0.3, 7).Validation, GroupSplit.Create(patients, 0.3, 8).Validation);
        Assert.Equal(30, GroupSplit.Create(patients, 0.3, 7).Validation.Count);
    }

    /// <summary>Four groups of ten, so that their order does not matter: a group goes to validation where half of it still fits.</summary>
    [Theory]
    [InlineData(0.30, 10)] // 12 wanted: 10 is nearer than 20
    [InlineData(0.35, 10)] // 14
    [InlineData(0.40, 20)] // 16: 20 is nearer than 10
    [InlineData(0.60, 20)] // 24
    [InlineData(0.70, 30)] // 28
    [InlineData(0.05, 10)] // never none
    [InlineData(0.95, 30)] // and never all
    public void Whole_groups_meet_the_share_as_nearly_as_they_can(double share, int expected) =>
        Assert.Equal(expected, GroupSplit.Create([.. Enumerable.Range(0, 40).Select(i => i % 4)], share, seed: 3).Validation.Count);

    [Fact]
    public void One_group_cannot_be_split() =>
        Assert.Contains("at least 2", Assert.Throws<ArgumentException>(() => GroupSplit.Create(["a", "a", "a"])).Message);

    [Fact]
    public void A_split_divides_a_dataset()
    {
        (SegmentationDataset train, SegmentationDataset validation) = new DatasetSplit([0, 1], [3]).Apply(Pictures.Dataset(4));
        Assert.Equal(["s0", "s1"], train.Select(sample => sample.Name));
        Assert.Equal(["s3"], validation.Select(sample => sample.Name));
    }
}
