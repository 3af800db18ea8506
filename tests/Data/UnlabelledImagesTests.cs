using UnetResnet.Data;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Data;

public sealed class UnlabelledImagesTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    private UnlabelledImages Five()
    {
        foreach ((string name, int i) in new[] { "a", "B", "c", "d", "e" }.Select((name, i) => (name, i))) ImageCodec.Save(Pictures.Grey(32, 64, (_, _) => 10 + i), folder[name + ".png"]);
        return UnlabelledImages.In(folder.Path, 32, 2, Preprocessing.None);
    }

    [Fact]
    public void Batches_follow_the_ordinal_order_of_names_and_are_freed_one_by_one()
    {
        UnlabelledImages images = Five();
        Assert.Equal(["B", "a", "c", "d", "e"], images.Names);
        Assert.Equal((2, 3), (images.BatchSize, images.BatchCount));
        long before = LiveTensors.Settled();
        Assert.Equal(["11,10", "12,13", "14"], images.Batches(0, 3).Select(Values).ToArray());
        Assert.Equal(["12,13"], images.Batches(1, 2).Select(Values).ToArray());
        Assert.Empty(images.Batches(1, 1));
        Assert.Equal(before, Tensor.TotalCount);

        static string Values(Tensor batch)
        {
            Assert.Equal([3, 32, 32], batch.shape[1..]);
            return string.Join(',', batch.Values<float>().Chunk(3 * 32 * 32).Select(image => image.Distinct().Single()));
        }
    }

    /// <summary>Of three batches; a shard may have none.</summary>
    [Theory]
    [InlineData(1, "0-3")]
    [InlineData(2, "0-1 1-3")]
    [InlineData(3, "0-1 1-2 2-3")]
    [InlineData(4, "0-0 0-1 1-2 2-3")]
    public void Shards_are_whole_batches_in_a_row(int shards, string expected)
    {
        UnlabelledImages images = Five();
        Assert.Equal(expected, string.Join(' ', Enumerable.Range(1, shards).Select(shard => images.Shard(shard, shards)).Select(shard => $"{shard.First}-{shard.End}")));
    }

    [Fact]
    public void What_cannot_be_read_or_cut_is_refused()
    {
        Assert.Contains("holds no images", Assert.Throws<DatasetException>(() => UnlabelledImages.In(folder.Path, 32, 1, Preprocessing.None)).Message);
        Five();
        Assert.Throws<ArgumentOutOfRangeException>("side", () => UnlabelledImages.In(folder.Path, 33, 1, Preprocessing.None));
        Assert.Throws<ArgumentOutOfRangeException>("batchSize", () => UnlabelledImages.In(folder.Path, 32, 0, Preprocessing.None));
        Assert.Equal(5, UnlabelledImages.In(folder.Path, 32, 1, Preprocessing.None).BatchCount);
        File.WriteAllText(folder["c.png"], "no image");
        UnlabelledImages images = UnlabelledImages.In(folder.Path, 32, 2, Preprocessing.None);
        Assert.Equal(folder["c.png"], Assert.Throws<DatasetException>(() => images.Batches(0, 3).Count()).File);
    }
}
