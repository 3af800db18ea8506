using UnetResnet.Data;

namespace UnetResnet.Tests.Data;

/// <summary>Against the published generator: its first numbers from state 0 are E220A8397B1DCDAF, 6E789E6AA1B965F4, 06C45D188009454F (Vigna, <c>splitmix64.c</c>).</summary>
public class SplitMix64Tests
{
    private static readonly ulong[] Published = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F];

    [Fact]
    public void Numbers_are_the_upper_53_bits()
    {
        var random = new SplitMix64();
        foreach (ulong bits in Published) Assert.Equal((bits >> 11) / 9007199254740992.0, random.NextDouble());
        random = new SplitMix64();
        Assert.Equal(-2 + 5 * (Published[0] >> 11) / 9007199254740992.0, random.NextDouble(-2, 3), 1e-15);
    }

    /// <summary>0.883, 0.432 and 0.026 of the count.</summary>
    [Fact]
    public void Whole_numbers_are_shares_of_the_count()
    {
        var random = new SplitMix64();
        Assert.Equal([8, 4, 0], new[] { random.NextInt(10), random.NextInt(10), random.NextInt(10) });
        random = new SplitMix64();
        Assert.Equal([0, 0, 0], new[] { random.NextInt(1), random.NextInt(1), random.NextInt(1) });
    }

    /// <summary>Fisher and Yates from the end: 3 with 3, 2 with 1, 1 with 0.</summary>
    [Fact]
    public void A_shuffle_by_hand()
    {
        int[] items = [0, 1, 2, 3];
        new SplitMix64().Shuffle<int>(items);
        Assert.Equal([2, 0, 1, 3], items);
    }

    [Fact]
    public void Normal_numbers_have_their_moments()
    {
        var random = new SplitMix64(7);
        double[] numbers = [.. Enumerable.Range(0, 40_000).Select(_ => random.NextNormal())];
        // Five standard errors: 1/√n of the mean, √(2/n) of the variance, √(96/n) of the fourth moment.
        Assert.Equal(0, numbers.Average(), 5 / 200.0);
        Assert.Equal(1, numbers.Average(x => x * x), 5 * Math.Sqrt(2 / 40_000.0));
        Assert.Equal(3, numbers.Average(x => x * x * x * x), 5 * Math.Sqrt(96 / 40_000.0));
    }

    [Fact]
    public void Every_key_and_their_order_count()
    {
        int[][] keys = [[], [0], [1], [0, 0], [0, 1], [1, 0], [1, 1], [-1], [1, 2, 3], [3, 2, 1]];
        Assert.Equal(keys.Length, keys.Select(k => new SplitMix64(k).NextDouble()).Distinct().Count());
        Assert.Equal(new SplitMix64(4, 5).NextDouble(), new SplitMix64(4, 5).NextDouble());
    }
}
