using CsCheck;
using TorchSharp;
using UnetResnet.Data;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Data;

public class BatchLoaderTests
{
    private static readonly BatchLoaderOptions Plain = new() { BatchSize = 4, Preprocessing = Preprocessing.None };

    [Fact]
    public void Every_sample_comes_once_and_the_last_batch_may_be_small()
    {
        var loader = new BatchLoader(Pictures.Dataset(9), Plain);
        Assert.Equal((9, 4, 3), (loader.SampleCount, loader.BatchSize, loader.BatchCount));

        var sizes = new List<int>();
        var names = new List<string>();
        foreach (Batch batch in loader.Epoch())
        {
            using (batch)
            {
                sizes.Add(batch.Size);
                names.AddRange(batch.Names);
                Assert.Equal([batch.Size, 3, 32, 32], batch.Inputs.shape);
                Assert.Equal([batch.Size, 1, 32, 32], batch.Targets.shape);
                Assert.Equal((ScalarType.Float32, ScalarType.Float32), (batch.Inputs.dtype, batch.Targets.dtype));
            }
        }

        Assert.Equal([4, 4, 1], sizes);
        Assert.Equal(Enumerable.Range(0, 9).Select(i => $"s{i}"), names);
    }

    [Fact]
    public void A_last_batch_that_is_not_full_can_be_dropped()
    {
        var loader = new BatchLoader(Pictures.Dataset(9), Plain with { DropLast = true });
        Assert.Equal(2, loader.BatchCount);
        Assert.Equal(2, Read(loader).Count);
        Assert.Contains("no batch of 4", Assert.Throws<ArgumentException>(() => new BatchLoader(Pictures.Dataset(3), Plain with { DropLast = true })).Message);
    }

    [Fact]
    public void Pixels_come_in_planes_and_masks_as_zero_and_one()
    {
        PixelImage colour = Pictures.Colour(32, 32), mask = Pictures.Grey(32, 32, (y, x) => y == 3 && x == 5 ? 255 : 0);
        var dataset = new SegmentationDataset([new SegmentationSample("a", colour, mask), new SegmentationSample("b", colour.ToGrey(), mask)]);
        foreach (Batch batch in new BatchLoader(dataset, Plain).Epoch())
        {
            using (batch)
            {
                Assert.Equal(colour[7, 9, 2], batch.Inputs[0, 2, 7, 9].item<float>());
                Assert.Equal(colour.ToGrey()[7, 9], batch.Inputs[1, 2, 7, 9].item<float>());
                Assert.Equal(1, batch.Targets[0, 0, 3, 5].item<float>());
                Assert.Equal(2, batch.Targets.sum().item<float>());
            }
        }
    }

    [Fact]
    public void Images_are_preprocessed()
    {
        var loader = new BatchLoader(Pictures.Dataset(1), new BatchLoaderOptions());
        using Batch batch = loader.Epoch().Single();
        Assert.Equal(10 - 103.939, batch.Inputs[0, 0, 0, 0].item<float>(), 1e-4);
        Assert.Equal(10 - 123.68, batch.Inputs[0, 2, 0, 0].item<float>(), 1e-4);
    }

    [Fact]
    public void Batches_depend_on_seed_and_epoch_but_not_on_prefetching() =>
        Gen.Select(Gen.Int[1, 12], Gen.Int[1, 5], Gen.Int[0, 100], Gen.Int[0, 5]).Sample((count, batchSize, seed, epoch) =>
        {
            BatchLoaderOptions options = Plain with { BatchSize = batchSize, Shuffle = true, Seed = seed, Augmentation = Augmentation.Gentle, Prefetch = 0 };
            List<(string Names, float[] Images)> reference = Read(new BatchLoader(Pictures.Dataset(count), options), epoch);
            foreach (int prefetch in new[] { 1, 3 })
            {
                List<(string Names, float[] Images)> other = Read(new BatchLoader(Pictures.Dataset(count), options with { Prefetch = prefetch }), epoch);
                Assert.Equal(reference.Select(batch => batch.Names), other.Select(batch => batch.Names));
                Assert.All(reference.Zip(other), pair => Assert.Equal(pair.First.Images, pair.Second.Images));
            }
        }, iter: 10, threads: 1);

    [Fact]
    public void Shuffling_changes_with_seed_and_epoch_and_loses_nothing()
    {
        string Order(int seed, int epoch) =>
            string.Join(' ', Read(new BatchLoader(Pictures.Dataset(20), Plain with { Shuffle = true, Seed = seed }), epoch).Select(batch => batch.Names));

        Assert.Equal(Order(1, 1), Order(1, 1));
        Assert.NotEqual(Order(1, 1), Order(1, 2));
        Assert.NotEqual(Order(1, 1), Order(2, 1));
        Assert.NotEqual(Order(1, 2), Order(2, 1));
        Assert.Equal(20, Order(1, 1).Split(' ').Distinct().Count());
    }

    [Fact]
    public void No_tensor_is_left_behind()
    {
        var loader = new BatchLoader(Pictures.Dataset(9), new BatchLoaderOptions { BatchSize = 2, Augmentation = Augmentation.Gentle });
        Read(loader);
        long total = LiveTensors.Settled(), live = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        for (int epoch = 0; epoch < 5; epoch++) Read(loader, epoch);
        foreach (Batch batch in loader.Epoch())
        {
            batch.Dispose();
            break;
        }

        Assert.Equal(total, Tensor.TotalCount);
        Assert.Equal(live, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void A_batch_outlives_the_consumers_dispose_scope()
    {
        using IEnumerator<Batch> batches = new BatchLoader(Pictures.Dataset(4), Plain).Epoch().GetEnumerator();
        using (NewDisposeScope())
        {
            Assert.True(batches.MoveNext());
        }

        using Batch batch = batches.Current;
        Assert.False(batch.Inputs.IsInvalid);
        Assert.Equal(10, batch.Inputs[0, 0, 0, 0].item<float>());
    }

    [Fact]
    public void Tensors_can_be_batched_and_are_copied()
    {
        using Tensor images = arange(5 * 3 * 2 * 2, dtype: float32).reshape(5, 3, 2, 2), masks = ones(5, 1, 2, 2);
        BatchLoader loader = BatchLoader.FromTensors(images, masks, 2);
        Assert.Equal((5, 2, 3), (loader.SampleCount, loader.BatchSize, loader.BatchCount));
        int first = 0;
        long before = LiveTensors.Settled();
        foreach (Batch batch in loader.Epoch())
        {
            using (batch)
            {
                Assert.Equal(first * 12, batch.Inputs.data<float>().First());
                using Tensor overwritten = batch.Inputs.zero_();
                first += batch.Size;
            }
        }

        Assert.Equal(5, first);
        Assert.Equal(before, Tensor.TotalCount);
        Assert.Equal(59, images.max().item<float>());
        using Tensor fewer = masks.narrow(0, 0, 4);
        Assert.Contains("(4, 1, 2, 2)", Assert.Throws<ArgumentException>(() => BatchLoader.FromTensors(images, fewer, 2)).Message);
    }

    [Fact]
    public void Datasets_that_make_no_batches_are_refused()
    {
        Assert.Contains("empty", Assert.Throws<ArgumentException>(() => new BatchLoader(Pictures.Dataset(0), Plain)).Message);
        var mixed = new SegmentationDataset([Pictures.Sample("small", 32), Pictures.Sample("large", 64)]);
        string message = Assert.Throws<ArgumentException>(() => new BatchLoader(mixed, Plain)).Message;
        Assert.Contains("'large' 64×64", message);
        Assert.Contains("Resize(side)", message);
        Assert.Throws<ArgumentOutOfRangeException>(() => new BatchLoader(Pictures.Dataset(1), Plain with { BatchSize = 0 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new BatchLoader(Pictures.Dataset(1), Plain with { Prefetch = -1 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new BatchLoader(Pictures.Dataset(1), Plain with { Augmentation = new Augmentation { Zoom = 9 } }));
        foreach (BatchLoaderOptions wrong in new[] { Plain with { Prefetch = 65 }, Plain with { Workers = 0 }, Plain with { Workers = 65 } })
            Assert.Throws<ArgumentOutOfRangeException>(() => new BatchLoader(Pictures.Dataset(1), wrong));
        foreach (BatchLoaderOptions right in new[] { Plain with { BatchSize = 1, Prefetch = 0, Workers = 1 }, Plain with { Prefetch = 64, Workers = 64 } })
            Assert.Single(Read(new BatchLoader(Pictures.Dataset(1), right)));
        var oblong = new SegmentationDataset([new SegmentationSample("o", Pictures.Grey(64, 32, (_, _) => 0), Pictures.Grey(64, 32, (_, _) => 0))]);
        Assert.Throws<ArgumentException>(() => new BatchLoader(oblong, Plain with { Augmentation = new Augmentation { QuarterTurns = true } }));
    }

    [Fact]
    public void By_default_ten_come_in_the_datasets_order_as_Caffe_wants_them()
    {
        var options = new BatchLoaderOptions();
        Assert.Equal((10, Preprocessing.Caffe, false, false, 0, 2, null, null), (options.BatchSize, options.Preprocessing, options.Shuffle, options.DropLast, options.Seed, options.Prefetch, options.Workers, options.Augmentation));
    }

    /// <summary>Inputs of any kind with targets of any kind, as many of both; masks have the images' size.</summary>
    [Theory]
    [InlineData("3,3,4,4", "3,1,4,4", true)]
    [InlineData("3,3,4,4", "3,4,4", true)]
    [InlineData("3,3,4,4", "3", true)]
    [InlineData("3,3,4,4", "3,7", true)]
    [InlineData("3,5", "3,2,2", true)]
    [InlineData("3,3,4,4", "3,1,4,5", false)]
    [InlineData("3,3,4,4", "3,5,4", false)]
    [InlineData("3,3,4,4", "2,1,4,4", false)]
    [InlineData("0,3,4,4", "0,1,4,4", false)]
    [InlineData("", "3", false)]
    [InlineData("3", "", false)]
    public void Tensors_must_fit(string inputs, string targets, bool fit)
    {
        using var scope = NewDisposeScope();
        Tensor Of(string shape) => zeros([.. shape.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(long.Parse)]);
        if (fit) Assert.Equal(3, BatchLoader.FromTensors(Of(inputs), Of(targets), 2).SampleCount);
        else Assert.Contains("as many targets as inputs", Assert.Throws<ArgumentException>("inputs", () => BatchLoader.FromTensors(Of(inputs), Of(targets), 2)).Message);
        bool asMany = inputs.Split(',')[0] == "3" && targets.Split(',')[0] == "3";
        if (asMany)
        {
            using Batch batch = Batch.Of(Of(inputs), Of(targets));
            Assert.Equal(["0", "1", "2"], batch.Names);
        }
        else Assert.Throws<ArgumentException>("targets", () => Batch.Of(Of(inputs), Of(targets)));
    }

    private static List<(string Names, float[] Images)> Read(BatchLoader loader, int epoch = 0)
    {
        var batches = new List<(string, float[])>();
        foreach (Batch batch in loader.Epoch(epoch))
        {
            using (batch) batches.Add((string.Join(' ', batch.Names), batch.Inputs.data<float>().ToArray()));
        }

        return batches;
    }
}
