using CsCheck;
using UnetResnet.Normalization;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Normalization;

public class PooledStatisticsTests
{
    [Fact]
    public void Uneven_batches_give_the_statistics_of_all_values() =>
        Gen.Select(Gen.Int[1, 5].Array[1, 6], Gen.Int[1, 9], Gen.Int[0, 1000]).Sample((sizes, spatial, seed) =>
        {
            const int channels = 3;
            var random = new Random(seed);
            using var scope = NewDisposeScope();
            using var pooled = new PooledStatistics(channels);
            var all = new List<double>[channels];
            for (int c = 0; c < channels; c++) all[c] = [];
            foreach (int size in sizes)
            {
                float[] values = Numbers.Normal(random, size, channels, spatial);
                pooled.Add(tensor(values, [size, channels, 1, spatial]));
                for (int c = 0; c < channels; c++) all[c].AddRange(ReferenceBatchNorm.Channel(values.Doubles(), channels, spatial, c));
            }

            Assert.Equal(all[0].Count, pooled.Count);
            // Sums are in double; only mean and variance of a single batch come from float32 sums over at most 45 values (45 · 6e-8 ≈ 3e-6).
            var expected = all.Select(ReferenceBatchNorm.Moments).ToArray();
            AssertClose([.. expected.Select(m => m.Mean)], pooled.Mean());
            AssertClose([.. expected.Select(m => m.Variance)], pooled.Variance());
        }, iter: 30, threads: 1);

    [Fact]
    public void The_variance_between_batches_counts()
    {
        // N(0, 1) and N(5, 3²) in their barest form: ±1 and 5 ± 3. Mean 2.5; variance (1 + 9) / 2 + 2.5² = 11.25.
        using var scope = NewDisposeScope();
        Tensor sign = tensor([1f, -1], [2, 1, 1, 1]).expand(2, 1, 20, 20);
        Tensor[] batches = [sign.clone(), sign * 3 + 5];
        using var pooled = new PooledStatistics(1);
        foreach (Tensor batch in batches) pooled.Add(batch);
        AssertClose([2.5], pooled.Mean());
        AssertClose([11.25], pooled.Variance());

        // The cumulative average that PyTorch calls momentum=None forgets the distance of the means: 5, not 11.25.
        using var cumulative = nn.BatchNorm2d(1);
        cumulative.momentum = null;
        foreach (Tensor batch in batches) cumulative.call(batch);
        Assert.Equal(5 * 800 / 799.0, cumulative.running_var!.item<float>(), 1e-4);
    }

    [Fact]
    public void A_large_mean_does_not_swallow_a_small_variance()
    {
        using var scope = NewDisposeScope();
        using var pooled = new PooledStatistics(1);
        foreach (float centre in new[] { 4096f, 4097f }) pooled.Add(tensor([centre - 0.5f, centre + 0.5f], [2, 1, 1, 1]));
        // 4095.5, 4096.5, 4096.5, 4097.5: exact in float32.
        AssertClose([4096.5], pooled.Mean());
        AssertClose([0.5], pooled.Variance());
    }

    [Fact]
    public void They_are_written_into_a_layer()
    {
        using var scope = NewDisposeScope();
        using var pooled = new PooledStatistics(2);
        using var layer = new ModalBatchNorm2d(2);
        pooled.Add(tensor([1f, 10, 3, 10], [2, 2, 1, 1]));
        pooled.WriteTo(layer.BatchNormLayers()[0].Layer);
        Assert.Equal([2f, 10], layer.RunningMean.Values());
        Assert.Equal([1f, 0], layer.RunningVar.Values());

        using var other = new ModalBatchNorm2d(3);
        Assert.Contains("2 channels", Assert.Throws<ArgumentException>("layer", () => pooled.WriteTo(other.BatchNormLayers()[0].Layer)).Message);
        Assert.Equal([0f, 0, 0], other.RunningMean.Values());
    }

    [Fact]
    public void No_values_have_no_statistics()
    {
        using var scope = NewDisposeScope();
        using var pooled = new PooledStatistics(2);
        Assert.Throws<InvalidOperationException>(() => pooled.Mean());
        Assert.Throws<InvalidOperationException>(() => pooled.Variance());
        Assert.Contains("(N, 2, …)", Assert.Throws<ArgumentException>("values", () => pooled.Add(ones(1, 3, 2, 2))).Message);
        Assert.Contains("(4)", Assert.Throws<ArgumentException>("values", () => pooled.Add(ones(4))).Message);
        Assert.Contains("(0, 2, 1, 1)", Assert.Throws<ArgumentException>("values", () => pooled.Add(ones(0, 2, 1, 1))).Message);
        Assert.Equal(0, pooled.Count);
        Assert.Throws<ArgumentOutOfRangeException>("channels", () => new PooledStatistics(0));
    }

    [Fact]
    public void Statistics_add_up_and_those_of_other_channels_do_not_fit()
    {
        using var scope = NewDisposeScope();
        using PooledStatistics one = new(2), other = new(2), wide = new(3);
        one.Add(tensor([1f, 10, 3, 30], [2, 2]));
        other.Add(tensor([5f, 20], [1, 2]));
        one.Add(other);
        Assert.Equal((3, 1), (one.Count, other.Count));
        AssertClose([3, 20], one.Mean());
        AssertClose([8.0 / 3, 200.0 / 3], one.Variance());
        Assert.Contains("3 channels", Assert.Throws<ArgumentException>("other", () => one.Add(wide)).Message);
        Assert.Throws<ArgumentNullException>("other", () => one.Add((PooledStatistics)null!));
        Assert.Equal(3, one.Count);
    }

    [Fact]
    public void The_sums_belong_to_no_scope_and_nothing_is_left_behind()
    {
        PooledStatistics pooled;
        using (NewDisposeScope()) pooled = new PooledStatistics(2);
        using Tensor x = ones(2, 2, 2, 2);
        using var layer = new ModalBatchNorm2d(2);
        long before = LiveTensors.Settled();
        using (pooled)
        {
            for (int i = 0; i < 5; i++)
            {
                pooled.Add(x);
                pooled.Mean().Dispose();
                pooled.Variance().Dispose();
                pooled.WriteTo(layer.BatchNormLayers()[0].Layer);
            }

            Assert.Equal(before, Tensor.TotalCount);
        }

        Assert.Equal(before - 2, Tensor.TotalCount);
    }

    private static void AssertClose(double[] expected, Tensor actual)
    {
        Assert.Equal(ScalarType.Float64, actual.dtype);
        double[] values = actual.data<double>().ToArray();
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], values[i], 5e-6 * (1 + Math.Abs(expected[i])));
    }
}
