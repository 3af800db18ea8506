using TorchSharp;
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
    public void Intermediate_results_are_not_kept()
    {
        long Kept(bool recompute)
        {
            using var scope = NewDisposeScope();
            using var unet = Network();
            unet.train();
            Tensor images = randn(2, 3, 64, 64);
            using IDisposable recomputing = Recomputation.Use(recompute);
            int convolved = 0;
            // What autograd keeps cannot be asked for; how often a layer computes can.
            foreach (ModalBatchNorm2d layer in unet.modules().OfType<ModalBatchNorm2d>()) layer.Counter = new PooledStatistics(layer.Channels);
            unet.call(images).sum().backward();
            foreach (ModalBatchNorm2d layer in unet.modules().OfType<ModalBatchNorm2d>())
            {
                convolved += (int)(layer.Counter!.Count);
                layer.Counter.Dispose();
                layer.Counter = null;
            }

            return convolved;
        }

        Assert.True(Kept(true) > Kept(false));
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
