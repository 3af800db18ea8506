using UnetResnet.Models;
using UnetResnet.Normalization;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Models;

/// <summary>Places in the middle of a forward pass: 3, 4, 6 and 3 residual blocks, then five decoder stages.</summary>
public class MidwayTests
{
    private static readonly int[] Blocks = [3, 4, 6, 3];

    [Fact]
    public void A_pass_that_goes_on_from_any_place_gives_the_logits_of_the_whole_pass()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using UNetResNet50 unet = Network();
        Tensor images = KeyedNumbers.Of("images", [1, 3, 64, 32], 0, 1);
        var places = new List<Midway>();
        Tensor Kept(Tensor map)
        {
            Tensor copy = map.clone().DetachFromDisposeScope();
            scope.Attach(copy);
            return copy;
        }

        Tensor looked = unet.Pass(images, place => places.Add(place with { Map = Kept(place.Map), Features = [.. place.Features.Select(Kept)] })), whole = unet.call(images);

        AssertNear(whole, looked);
        Assert.Equal(Enumerable.Range(0, 16 + 5), places.Select(place => place.Part));
        Assert.All(places, place => Assert.Equal([1, 3, 64, 32], place.Images));
        // The stem's map is there for the first stage, and one more after each; the decoder has all five.
        Assert.Equal([.. Blocks.SelectMany((count, stage) => Enumerable.Repeat(stage + 1, count)), 5, 5, 5, 5, 5], places.Select(place => place.Features.Count));
        foreach (Midway place in places)
        {
            AssertNear(whole, unet.GoOn(place.Repeated(1)));
            Tensor twice = unet.GoOn(place.Repeated(2));
            AssertNear(cat([whole, whole]), twice);
        }
    }

    [Fact]
    public void Repeated_images_stand_one_copy_after_the_other()
    {
        using var scope = NewDisposeScope();
        Tensor map = arange(4, float32).view(2, 2), feature = tensor(new[] { 7f, 8f });
        Midway three = new Midway(5, map, [feature], [2, 3, 64, 96]).Repeated(3);
        Assert.Equal(5, three.Part);
        Assert.Equal([6, 3, 64, 96], three.Images);
        Assert.Equal([0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3], three.Map.data<float>().ToArray());
        Assert.Equal([7, 8, 7, 8, 7, 8], three.Features.Single().data<float>().ToArray());
        // One copy is a copy too: a pass overwrites it.
        Midway one = new Midway(5, map, [feature], [2, 3, 64, 96]).Repeated(1);
        one.Map.zero_();
        Assert.Equal([0, 1, 2, 3], map.data<float>().ToArray());
    }

    [Fact]
    public void Every_batch_norm_but_the_first_lies_in_the_part_of_its_block()
    {
        using UNetResNet50 unet = Network();
        string[] parts = [.. Blocks.SelectMany((count, stage) => Enumerable.Range(0, count).Select(block => $"encoder.bn{stage + 2}{"abcdef"[block]}_")), .. Enumerable.Range(6, 5).Select(stage => $"decoder.conv{stage}_")];
        IReadOnlyDictionary<ModalBatchNorm2d, int> known = Midway.Parts(unet);
        (string name, ModalBatchNorm2d layer)[] layers = [.. unet.named_modules().Where(m => m.module is ModalBatchNorm2d).Select(m => (m.name, (ModalBatchNorm2d)m.module))];
        Assert.Equal(63, layers.Length);
        Assert.Equal(62, known.Count);
        foreach ((string name, ModalBatchNorm2d layer) in layers.Where(l => l.name != "encoder.bn_conv1")) Assert.StartsWith(parts[known[layer]], name);
    }

    private static UNetResNet50 Network()
    {
        var unet = new UNetResNet50(new UNetOptions { Encoder = new ResNet50Options { Width = 16 } });
        KeyedNumbers.Fill(unet);
        unet.eval();
        return unet;
    }

    /// <summary>float32 through some dozens of layers, whose sums may come in another order.</summary>
    private static void AssertNear(Tensor expected, Tensor actual)
    {
        Assert.Equal(expected.shape, actual.shape);
        Assert.InRange(((expected - actual).abs().max() / expected.abs().max()).item<float>(), 0, 1e-4);
    }
}
