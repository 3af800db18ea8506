using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using UnetResnet.Tests.Diagnosis;
using UnetResnet.Weights;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Normalization;

/// <summary>Moments that are counted apart and added up are those of one pass.</summary>
public sealed class RecalibrationMomentsTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    /// <summary>Batches of different sizes, cut between them in different places; shards may be uneven, of one batch, or of none.</summary>
    [Theory]
    [InlineData("7")]
    [InlineData("2,2,3")]
    [InlineData("1,5,1")]
    [InlineData("0,7")]
    [InlineData("1,1,1,1,1,1,1,0")]
    public void Shards_of_whole_batches_add_up_to_one_pass(string cut)
    {
        using var scope = NewDisposeScope();
        using UNetResNet50 unet = Miniature.UNet();
        Tensor images = Miniature.Images(12).Inputs;
        Tensor[] batches = [.. images.split([3, 1, 2, 1, 1, 1, 3])];
        Dictionary<string, byte[]> before = Numbers.State(unet);
        RecalibrationMoments? sum = null;
        int next = 0;
        foreach (int count in cut.Split(',').Select(int.Parse))
        {
            using RecalibrationMoments shard = RecalibrationMoments.Measure(unet, batches.Skip(next).Take(count));
            next += count;
            sum ??= RecalibrationMoments.Measure(unet, []);
            sum.Add(shard);
        }

        using RecalibrationMoments whole = sum!;
        Assert.Empty(Numbers.Changed(before, Numbers.State(unet)));
        Assert.Equal(12, Recalibration.Apply(unet, whole));
        float[] merged = Statistics(unet);
        Assert.Equal(63, Recalibration.Undo(unet));
        Assert.Empty(Numbers.Changed(before, Numbers.State(unet)));
        Assert.Equal(12, Recalibration.Apply(unet, batches));
        // Sums of doubles in another order, rounded to float: the last bit may differ, and nothing else.
        Assert.All(Statistics(unet).Zip(merged), pair => Assert.InRange(Math.Abs(pair.First - pair.Second), 0, 2e-7 * Math.Abs(pair.First)));
    }

    [Fact]
    public void Blending_takes_all_images_of_the_sum()
    {
        using var scope = NewDisposeScope();
        using Module<Tensor, Tensor> layer = new ModalBatchNorm2d(2);
        using RecalibrationMoments moments = RecalibrationMoments.Measure(layer, [ones(3, 2, 2, 2) * 4]), more = RecalibrationMoments.Measure(layer, [ones(1, 2, 2, 2) * 8]);
        moments.Add(more);
        Assert.Equal(4, Recalibration.Apply(layer, moments, pseudoCount: 12));
        // Old mean 0 for 12 images, new mean (3·4 + 8) / 4 = 5 for 4.
        Numbers.AssertClose([1.25, 1.25], layer.BatchNormLayers()[0].Layer.RunningMean, 1e-6);
        // Old variance 1; of 4, 4, 4 and 8 the mean square is 28 and the variance 3.
        Numbers.AssertClose([1.5, 1.5], layer.BatchNormLayers()[0].Layer.RunningVar, 1e-6);
        Assert.Throws<ArgumentOutOfRangeException>(() => Recalibration.Apply(layer, moments, pseudoCount: -1));
    }

    [Fact]
    public void Moments_of_another_network_or_of_no_image_are_refused_and_change_nothing()
    {
        using var scope = NewDisposeScope();
        using Module<Tensor, Tensor> two = Sequential(("a", new ModalBatchNorm2d(2)), ("b", new ModalBatchNorm2d(2))), one = Sequential(("a", new ModalBatchNorm2d(2))), wide = Sequential(("a", new ModalBatchNorm2d(3)));
        using RecalibrationMoments moments = RecalibrationMoments.Measure(one, [rand(2, 2, 3, 3)]), none = RecalibrationMoments.Measure(one, []);
        Dictionary<string, byte[]> before = Numbers.State(two);
        Assert.Contains("'b'", Assert.Throws<ArgumentException>("moments", () => Recalibration.Apply(two, moments)).Message);
        Assert.Contains("'a'", Assert.Throws<ArgumentException>("moments", () => Recalibration.Apply(wide, moments)).Message);
        Assert.Contains("no image", Assert.Throws<ArgumentException>("moments", () => Recalibration.Apply(one, none)).Message);
        using RecalibrationMoments other = RecalibrationMoments.Measure(two, [rand(2, 2, 3, 3)]);
        Assert.Contains("'b'", Assert.Throws<ArgumentException>("other", () => moments.Add(other)).Message);
        Assert.Equal(2, moments.Images);
        Assert.Empty(Numbers.Changed(before, Numbers.State(two)));
        Assert.Contains("'b'", Assert.Throws<ArgumentException>("moments", () => Recalibration.Apply(one, other)).Message);
        Assert.Throws<ArgumentNullException>("moments", () => Recalibration.Apply(one, (RecalibrationMoments)null!));
        Assert.Throws<ArgumentNullException>("batches", () => RecalibrationMoments.Measure(one, null!));
        Assert.Throws<ArgumentNullException>("other", () => moments.Add(null!));
    }

    [Fact]
    public void They_are_measured_without_dropout_and_the_network_is_left_as_it_was()
    {
        using var scope = NewDisposeScope();
        using Module<Tensor, Tensor> net = Sequential(("dropout", Dropout(0.5)), ("norm", new ModalBatchNorm2d(2, mode: BatchNormMode.Keras213)));
        net.train();
        Tensor images = rand(4, 2, 3, 3) + 1;
        string before = Untouched.Describe(net);
        using RecalibrationMoments moments = RecalibrationMoments.Measure(net, [images]);
        Assert.Equal(before, Untouched.Describe(net));
        Numbers.AssertClose(TensorMemory.Doubles(images.mean([0, 2, 3])), moments.Layers["norm"].Mean().to(float32), 1e-6);
    }

    [Fact]
    public void A_file_of_moments_is_read_as_it_was_written_and_every_damage_is_found()
    {
        using var scope = NewDisposeScope();
        using Module<Tensor, Tensor> network = Sequential(("a", new ModalBatchNorm2d(2)));
        using RecalibrationMoments moments = RecalibrationMoments.Measure(network, [rand(2, 2, 3, 3)]);
        var header = new ShardHeader("unet.safetensors", "abc", 2, 3, 9, "def", 96, 10, "caffe");
        MomentsFile.Write(folder["2.moments"], header, moments);
        (ShardHeader read, RecalibrationMoments back) = MomentsFile.Read(folder["2.moments"]);
        using (back)
        {
            Assert.Equal(header, read);
            Assert.Equal((2L, 18L), (back.Images, back.Layers["a"].Count));
            Assert.Equal(TensorMemory.Doubles(moments.Layers["a"].Sum), TensorMemory.Doubles(back.Layers["a"].Sum));
        }

        byte[] good = File.ReadAllBytes(folder["2.moments"]);
        int tensors = good.Length - 5 * 8;
        foreach (int position in new[] { tensors, tensors + 20, good.Length - 1, Text("\"shard\":\"2\"") + 9, Text("\"images\":\"2\"") + 10 })
        {
            byte[] bad = [.. good];
            bad[position] ^= 1;
            File.WriteAllBytes(folder["bad.moments"], bad);
            string message = Assert.Throws<WeightsException>(() => MomentsFile.Read(folder["bad.moments"])).Message;
            Assert.Contains("bad.moments is damaged", message);
            Assert.Contains("again", message);
        }

        Safetensors.Write(folder["other.safetensors"], [new("a", ones(1))]);
        Assert.Contains("no moments", Assert.Throws<WeightsException>(() => MomentsFile.Read(folder["other.safetensors"])).Message);

        int Text(string text) => good.AsSpan().IndexOf(System.Text.Encoding.UTF8.GetBytes(text)) is var at and > 0 ? at : throw new InvalidOperationException(text);
    }

    private static float[] Statistics(Module network) => [.. network.BatchNormLayers().SelectMany(l => l.Layer.RunningMean.Values().Concat(l.Layer.RunningVar.Values()))];
}
