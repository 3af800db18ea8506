using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using UnetResnet.Training;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Models;

public class RecomputationTests
{
    /// <summary>With the encoder frozen the decoder's inputs want no gradients; its parameters do.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Gradients_and_statistics_are_those_of_the_usual_step(bool frozen)
    {
        using var scope = NewDisposeScope();
        (Dictionary<string, Tensor> Gradients, Dictionary<string, Tensor> Buffers) usual = Step(frozen, recompute: false), again = Step(frozen, recompute: true);
        Assert.Equal(usual.Gradients.Keys, again.Gradients.Keys);
        Assert.True(usual.Gradients.Count > 20);
        Assert.All(usual.Gradients, g => Assert.True(Distance(again.Gradients[g.Key], g.Value) < 1e-4, g.Key));
        // Moved once, not twice.
        Assert.All(usual.Buffers, b => Assert.True(Distance(again.Buffers[b.Key], b.Value) < 1e-6, b.Key));
    }

    [Fact]
    public void Blocks_are_computed_again_in_the_backward_pass()
    {
        Dictionary<string, long> Counted(bool recompute)
        {
            using var scope = NewDisposeScope();
            using UNetResNet50 unet = Network();
            unet.train();
            (string name, ModalBatchNorm2d layer)[] layers = [.. unet.named_modules().Where(m => m.module is ModalBatchNorm2d).Select(m => (m.name, (ModalBatchNorm2d)m.module))];
            foreach ((_, ModalBatchNorm2d layer) in layers) layer.Counter = new PooledStatistics(layer.Channels);
            using (Recomputation.Use(recompute)) unet.call(randn(2, 3, 64, 64)).sum().backward();
            return layers.ToDictionary(l => l.name, l =>
            {
                using PooledStatistics? counter = l.layer.Counter;
                l.layer.Counter = null;
                return counter!.Count;
            });
        }

        Dictionary<string, long> once = Counted(false), twice = Counted(true);
        // The first layer is in no block, and the last one is computed with the prediction.
        Assert.All(once, layer => Assert.Equal(layer.Key is "encoder.bn_conv1" or "decoder.conv10_2_bn" ? layer.Value : 2 * layer.Value, twice[layer.Key]));
    }

    /// <summary>The innermost choice holds, until it ends. A second pass of batch renormalisation would be another one, and where nobody wants gradients there is nothing to save.</summary>
    [Fact]
    public void Blocks_suit_while_it_is_chosen_and_a_second_pass_gives_the_same()
    {
        using UNetResNet50 unet = Network();
        ConvolutionWithNorm[] layers = [.. unet.Encoder.Stages[0][0].Layers];
        Assert.False(Recomputation.Suits(layers));
        using (Recomputation.Use(true))
        {
            Assert.True(Recomputation.Suits(layers));
            using (Recomputation.Use(false)) Assert.False(Recomputation.Suits(layers));
            Assert.True(Recomputation.Suits(layers));
            using (no_grad()) Assert.False(Recomputation.Suits(layers));
            layers[2].Norm!.Options = layers[2].Norm!.Options with { Renormalization = new BatchRenormalization() };
            Assert.False(Recomputation.Suits(layers));
            Assert.True(Recomputation.Suits(layers[..2]));
            unet.Encoder.Freeze(BatchNormMode.Inference);
            Assert.False(Recomputation.Suits(layers[..2]));
        }

        Assert.False(Recomputation.Suits(unet.Decoder.Stages.Select(stage => stage.First)));
    }

    private static (Dictionary<string, Tensor> Gradients, Dictionary<string, Tensor> Buffers) Step(bool frozen, bool recompute)
    {
        using UNetResNet50 unet = Network();
        if (frozen) unet.Encoder.Freeze(BatchNormMode.Inference);
        unet.train();
        TorchRuntime.Seed(1);
        Tensor images = randn(4, 3, 64, 64) * 60, masks = rand(4, 1, 64, 64).lt(0.3).to(float32);
        using (Recomputation.Use(recompute)) Losses.BinaryCrossEntropy(unet.call(images), masks).backward();
        return (unet.named_parameters().Where(p => p.parameter.grad is not null).ToDictionary(p => p.name, p => p.parameter.grad!.clone()), unet.named_buffers().ToDictionary(b => b.name, b => b.buffer.clone()));
    }

    private static UNetResNet50 Network()
    {
        TorchRuntime.Seed(0);
        return new UNetResNet50(new UNetOptions { Encoder = new ResNet50Options { Width = 16 }, SpatialDropout = 0 });
    }

    private static double Distance(Tensor actual, Tensor expected) => ((actual - expected).abs().max() / expected.abs().max().clamp_min(1e-12)).item<float>();
}
