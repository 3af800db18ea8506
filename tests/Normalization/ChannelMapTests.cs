using System.Numerics;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Normalization;

public class ChannelMapTests : ManyThreadsTest
{
    // Small maps are one block, the last one is many, on several threads.
    [Theory]
    [InlineData(4, 16, 3, 5, 1)]
    [InlineData(4, 16, 3, 5, 2)]
    [InlineData(6, 48, 7, 9, 3)]
    [InlineData(4, 32, 60, 50, 2)]
    public void Sums_of_groups_are_those_of_their_values(int images, int channels, int height, int width, int groups)
    {
        using var scope = NewDisposeScope();
        Tensor map = Map(images, channels, height, width);
        using ChannelMap view = ChannelMap.Of(map)!;
        double[][] sums = view.Sums(groups);
        Assert.Equal(groups, sums.Length);
        Assert.Equal((long)images / groups * height * width, view.Count(groups));
        for (int group = 0; group < groups; group++)
        {
            Tensor values = map.narrow(0, group * images / groups, images / groups).to(float64);
            double[] expected = [.. values.sum([0, 2, 3]).Values<double>(), .. values.square().sum([0, 2, 3]).Values<double>()];
            // Double precision on both sides; only the order of the additions differs.
            Assert.All(expected.Zip(sums[group]), pair => Assert.Equal(1, pair.Second / pair.First, 1e-12));
        }

        int threads = get_num_threads();
        try
        {
            set_num_threads(1);
            Assert.Equal(sums, view.Sums(groups));
        }
        finally
        {
            set_num_threads(threads);
        }
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(false, false)]
    public void Every_group_is_scaled_and_shifted_by_its_own_numbers(bool relu, bool sums)
    {
        using var scope = NewDisposeScope();
        foreach ((int height, int width) in new[] { (3, 5), (60, 50) })
        {
            Tensor map = Map(4, 32, height, width), onto = Map(4, 32, height, width), before = map.clone();
            Tensor scale = randn(2, 32), shift = randn(2, 32);
            Tensor PerImage(Tensor numbers) => numbers.repeat_interleave(2, dim: 0).view(4, 32, 1, 1);
            Tensor expected = map * PerImage(scale) + PerImage(shift);
            if (sums) expected += onto;
            if (relu) expected = expected.relu();
            using ChannelMap view = ChannelMap.Of(map)!, sum = ChannelMap.Of(onto)!;
            view.Scale([.. Enumerable.Range(0, 2).Select(group => (scale[group].Values<float>(), shift[group].Values<float>()))], relu, sums ? sum : null);
            Assert.True((sums ? onto : map).allclose(expected, 1e-5, 1e-5));
            if (sums) Assert.True(map.equal(before).all().item<bool>());
        }
    }

    [Fact]
    public void What_is_not_a_number_stays_none()
    {
        using var scope = NewDisposeScope();
        Tensor map = Map(2, 16, 2, 2);
        map[0, 3, 1, 1] = float.NaN;
        using ChannelMap view = ChannelMap.Of(map)!;
        view.Scale([(Enumerable.Repeat(1f, 16).ToArray(), new float[16])], relu: true, onto: null);
        Assert.Equal(1, map.isnan().sum().item<long>());
        Assert.True(map[0, 3, 1, 1].isnan().item<bool>());
    }

    [Fact]
    public void Other_memory_is_left_to_libtorch()
    {
        using var scope = NewDisposeScope();
        Assert.Null(ChannelMap.Of(randn(2, 16, 3, 3)));
        Assert.Null(ChannelMap.Of(Map(2, 16, 3, 3).to(float64)));
        Assert.Null(ChannelMap.Of(Map(2, Vector<float>.Count + 1, 3, 3)));
        Assert.Null(ChannelMap.Of(Map(2, 16, 3, 6).slice(3, 0, 6, 2)));
        Assert.Null(ChannelMap.Of(randn(2, 16)));
        Assert.Null(ChannelMap.Of(Map(2, 16, 0, 3)));
    }

    /// <summary>Normal numbers around 3, channels last.</summary>
    private static Tensor Map(int images, int channels, int height, int width) => (randn(images, height, width, channels) + 3).permute(0, 3, 1, 2);

    /// <summary>Small images, and such as are summed in several blocks, the last of which is not full.</summary>
    [Theory]
    [InlineData(16, 3, 5)]
    [InlineData(48, 40, 50)]
    [InlineData(512, 9, 11)]
    public void Sums_of_an_image_are_the_same_bytes(int channels, int height, int width)
    {
        using var scope = NewDisposeScope();
        Tensor map = Map(3, channels, height, width);
        using ChannelMap view = ChannelMap.Of(map)!;
        double[][] expected = view.Sums(groups: 3);
        for (int image = 0; image < 3; image++)
        {
            double[] sums = [.. Enumerable.Repeat(7.0, 2 * channels)];
            ChannelMap.SumImage(map[image].permute(1, 2, 0).Values<float>(), sums);
            Assert.Equal(expected[image], sums);
        }

        double[] all = view.Sums(groups: 1)[0];
        Assert.Equal(expected[0].Zip(expected[1], (one, other) => one + other).Zip(expected[2], (one, other) => one + other), all);
    }

    /// <summary>Channels that fill the vectors, that do not, and fewer than a vector has.</summary>
    [Theory]
    [InlineData(3)]
    [InlineData(16)]
    [InlineData(45)]
    public void Statistics_and_scales_are_those_of_each_channel(int channels)
    {
        using var scope = NewDisposeScope();
        var random = new Random(channels);
        double[] sums = [.. Enumerable.Range(0, 2 * channels).Select(i => random.NextDouble() * (i < channels ? 10 : 1000))];
        // A channel of one number, whose variance rounding may make negative.
        (sums[1], sums[channels + 1]) = (10 * 0.1, 10 * 0.1 * 0.1 - 1e-17);
        float[] gamma = [.. Enumerable.Range(0, channels).Select(_ => random.NextSingle())], beta = [.. Enumerable.Range(0, channels).Select(_ => random.NextSingle())];
        (double[] mean, double[] variance) = ChannelMap.Moments(sums, 10);
        (float[] scale, float[] shift) = ChannelMap.Normalizing(sums, 10, tensor(gamma), tensor(beta), eps: 1e-3);
        for (int c = 0; c < channels; c++)
        {
            double average = sums[c] / 10, spread = Math.Max(0, sums[channels + c] / 10 - average * average), factor = gamma[c] / Math.Sqrt(spread + 1e-3);
            Assert.Equal((average, spread), (mean[c], variance[c]));
            Assert.Equal(((float)factor, (float)(beta[c] - average * factor)), (scale[c], shift[c]));
        }
    }

    [Fact]
    public void A_number_that_is_none_stays_none()
    {
        double[] sums = new double[32];
        (sums[4], sums[20]) = (double.NaN, double.NaN);
        (double[] mean, double[] variance) = ChannelMap.Moments(sums, 2);
        Assert.Equal((double.NaN, double.NaN, 0), (mean[4], variance[4], variance[5]));
    }

    /// <summary>Three values of each of two channels: 1, 2, 6 and 4, 4, 4.</summary>
    [Fact]
    public void Moments_are_mean_and_biased_variance()
    {
        (double[] mean, double[] variance) = ChannelMap.Moments([9, 12, 41, 48], 3);
        Assert.Equal([3, 4], mean);
        Assert.Equal(14.0 / 3, variance[0], 12);
        Assert.Equal(0, variance[1], 12);
    }

    /// <summary>2·(x − 3)/√(3 + 1) + 1 = x − 2.</summary>
    [Fact]
    public void Batch_norm_is_a_scale_and_a_shift()
    {
        using var scope = NewDisposeScope();
        (float[] scales, float[] shifts) = ChannelMap.Normalizing([3], [3], tensor(new[] { 2f }), tensor(new[] { 1f }), eps: 1);
        Assert.Equal([1f], scales);
        Assert.Equal([-2f], shifts);
    }
}
