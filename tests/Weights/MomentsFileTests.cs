using UnetResnet.Normalization;
using UnetResnet.Runtime;
using UnetResnet.Weights;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Weights;

/// <summary>The shards of a recalibration, added up: all of one count, each once.</summary>
public sealed class MomentsFileTests : IDisposable
{
    private static readonly ShardHeader Header = new("unet.safetensors", "abc", 1, 3, 6, "0123456789", 96, 10, "caffe");

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Shards_in_any_order_are_added_up()
    {
        string[] paths = [Shard(3, 4), Shard(1, 1), Shard(2, 2, Header with { Weights = "copy.safetensors" })];
        using RecalibrationMoments sum = MomentsFile.Merge(paths, "abc", "unet.safetensors");
        Assert.Equal(6, sum.Images);
        // Two images of four pixels in each.
        PooledStatistics statistics = sum.Layers["norm"];
        Assert.Equal(24, statistics.Count);
        Assert.Equal([8 * (1 + 2 + 4), 8 * (1 + 2 + 4)], statistics.Sum.Doubles());
        Assert.Equal([8 * (1 + 4 + 16), 8 * (1 + 4 + 16)], statistics.Squares.Doubles());
    }

    [Fact]
    public void What_is_missing_is_named_by_number_up_to_twenty()
    {
        string[] three = [Shard(1), Shard(2)];
        Refused("Of 3 shards one is missing: 3. Count it, or name its file too.", three);
        Refused("Of 3 shards 2 are missing: 2, 3. Count them, or name their files too.", three[..1]);
        string numbers = string.Join(", ", Enumerable.Range(2, 20));
        Refused($"Of 21 shards 20 are missing: {numbers}. Count", Shard(1, 1, Header with { Shards = 21 }));
        Refused($"Of 22 shards 21 are missing: {numbers}, …. Count", Shard(1, 1, Header with { Shards = 22 }));
        Refused("no file of moments to merge");
    }

    [Fact]
    public void What_does_not_belong_together_is_named_by_file_and_nothing_is_left()
    {
        string first = Shard(1), second = Shard(2), third = Shard(3);
        string twice = Shard(2, 1, Header, "again.moments"), foreign = Shard(3, 1, Header with { Network = "xyz", Weights = "other.safetensors" }, "foreign.moments"), other = Shard(3, 1, Header with { BatchSize = 5 }, "other.moments");
        long before = LiveTensors.Settled();
        Refused($"Shard 2 of 3 is there twice, in {second} and in {twice}", first, second, twice);
        Refused($"{foreign} was counted with the network of other.safetensors, and unet.safetensors holds another one", first, second, foreign);
        Refused($"{other} is no part of the same count as {first}: 3 shards of 6 images (names 01234567), 96×96, batches of 5, caffe, and there 3 shards of 6 images (names 01234567), 96×96, batches of 10, caffe", first, second, other);
        using (RecalibrationMoments whole = MomentsFile.Merge([first, second, third], "abc", "unet.safetensors")) Assert.Equal(6, whole.Images);
        Assert.Equal(before, Tensor.TotalCount);
        string[] seven = [.. Enumerable.Range(1, 3).Select(shard => Shard(shard, 1, Header with { FolderImages = 7 }))];
        Refused("The shards hold 6 images, and the folder had 7", seven);
    }

    [Fact]
    public void A_number_that_this_version_cannot_read_is_refused_with_the_cure()
    {
        string path = Shard(1, 1, Header with { Side = -1 });
        string message = Assert.Throws<WeightsException>(() => MomentsFile.Read(path)).Message;
        Assert.Contains($"{path} has moments of another version", message);
        Assert.Contains("Count the shard again", message);
    }

    [Fact]
    public void A_network_is_its_options_and_numbers_without_running_statistics()
    {
        using var network = Sequential(("conv", Conv2d(2, 2, 1)), ("norm", new ModalBatchNorm2d(2)));
        using var noGrad = no_grad();
        string before = MomentsFile.Fingerprint(network, "options");
        Assert.Matches("^[0-9a-f]{64}$", before);
        Dictionary<string, Tensor> state = network.state_dict();
        state["norm.running_mean"].fill_(3);
        state["norm.running_var"].fill_(3);
        Assert.Equal(before, MomentsFile.Fingerprint(network, "options"));
        Assert.NotEqual(before, MomentsFile.Fingerprint(network, "other options"));
        foreach (string name in new[] { "conv.weight", "conv.bias", "norm.weight", "norm.bias" })
        {
            state[name].add_(1);
            string after = MomentsFile.Fingerprint(network, "options");
            Assert.NotEqual(before, after);
            before = after;
        }
    }

    [Fact]
    public void Names_count_in_their_order_and_by_where_each_ends() =>
        Assert.Equal(4, new string[][] { ["ab", "c"], ["a", "bc"], ["c", "ab"], ["ab"] }.Select(MomentsFile.Fingerprint).Distinct().Count());

    private void Refused(string part, params string[] paths) =>
        Assert.Contains(part, Assert.Throws<WeightsException>(() => MomentsFile.Merge(paths, "abc", "unet.safetensors").Dispose()).Message);

    /// <summary>Moments of two images of one value.</summary>
    private string Shard(int shard, double value = 1, ShardHeader? header = null, string? name = null)
    {
        header ??= Header;
        string path = folder[name ?? $"{shard} of {header.Shards} of {header.FolderImages} by {header.Weights}"];
        using var scope = NewDisposeScope();
        using Module<Tensor, Tensor> network = Sequential(("norm", new ModalBatchNorm2d(2)));
        using RecalibrationMoments moments = RecalibrationMoments.Measure(network, [full([2, 2, 2, 2], value)]);
        MomentsFile.Write(path, header with { Shard = shard }, moments);
        return path;
    }
}
