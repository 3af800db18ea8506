using UnetResnet.Data;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using UnetResnet.Tests.Training;
using UnetResnet.Training;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Models;

/// <summary>Convolutions in bfloat16, forced where the processor would not have it fast: what is near to float32, and what stays float32.</summary>
public class PrecisionTests
{
    /// <summary>8 significant bits: 0.4 % for each rounding, some dozens of them in a row.</summary>
    private const double Near = 0.05;

    [Theory]
    [InlineData(true)] // folded, in inference
    [InlineData(false)] // layer by layer, batch statistics
    public void The_logits_are_near_those_of_float32(bool inference)
    {
        using var scope = NewDisposeScope();
        using UNetResNet50 unet = Settled();
        Tensor images = Images();
        unet.train(!inference);
        Tensor full = Logits(unet, images, Precision.Float32), low = Logits(unet, images, Precision.BFloat16);
        Assert.Equal(ScalarType.Float32, low.dtype);
        Assert.InRange(Distance(low, full), 1e-6, Near);
        // And float32 again afterwards. The statistics that training moves are not those that it normalises by.
        Assert.True(Distance(Logits(unet, images, Precision.Float32), full) < 1e-6);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Gradients_and_statistics_are_float32_and_near(bool frozen)
    {
        using var scope = NewDisposeScope();
        (Dictionary<string, Tensor> Gradients, Tensor Mean) Step(Precision precision)
        {
            using UNetResNet50 unet = Settled();
            if (frozen) unet.Encoder.Freeze(BatchNormMode.Inference);
            unet.train();
            TorchRuntime.Seed(1);
            Tensor images = Images(), masks = rand(4, 1, 64, 64).lt(0.3).to(float32);
            using (ComputePrecision.Force(precision)) Losses.BinaryCrossEntropy(unet.call(images), masks).backward();
            return (unet.named_parameters().Where(p => p.parameter.grad is not null).ToDictionary(p => p.name, p => p.parameter.grad!.clone()), unet.Decoder.BatchNormLayers()[0].Layer.RunningMean.clone());
        }

        var (full, fullMean) = Step(Precision.Float32);
        var (low, lowMean) = Step(Precision.BFloat16);
        Assert.Equal(full.Keys, low.Keys);
        Assert.All(low.Values, gradient => Assert.Equal(ScalarType.Float32, gradient.dtype));
        Assert.Equal(ScalarType.Float32, lowMean.dtype);
        Assert.InRange(Distance(lowMean, fullMean), 1e-7, Near);
        // All gradients as one vector: the cosine of the angle between the two.
        Tensor a = cat([.. full.Values.Select(g => g.flatten())]), b = cat([.. full.Keys.Select(name => low[name].flatten())]);
        Assert.InRange((a.dot(b) / (a.norm() * b.norm())).item<float>(), 0.97, 1 - 1e-7);
    }

    [Fact]
    public void A_network_that_is_watched_computes_in_float32()
    {
        using var scope = NewDisposeScope();
        using UNetResNet50 unet = Settled();
        unet.eval();
        Tensor images = randn(2, 3, 64, 64) * 60;
        var types = new HashSet<ScalarType>();
        foreach (TorchSharp.Modules.Conv2d convolution in unet.modules().OfType<TorchSharp.Modules.Conv2d>())
        {
            convolution.register_forward_hook((_, input, output) =>
            {
                types.Add(input.dtype);
                return output;
            });
        }

        using var noGrad = no_grad();
        Tensor low = Logits(unet, images, Precision.BFloat16);
        Assert.Equal([ScalarType.Float32], types);
        Assert.True(low.equal(Logits(unet, images, Precision.Float32)).all().item<bool>());
    }

    [Fact]
    public void Networks_and_devices_that_cannot_are_refused_in_a_sentence()
    {
        using Module<Tensor, Tensor> foreign = Toys.Network();
        var options = new TrainingOptions { Precision = Precision.BFloat16 };
        Assert.Contains("no network of this library", Assert.Throws<PrecisionException>(() => new Trainer(foreign, options).Fit(Toys.Squares(2, 2), Toys.Squares(2, 2))).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => (options with { Precision = (Precision)7 }).Validate());
        using UNetResNet50 unet = Settled();
        using Tensor images = randn(1, 3, 32, 32);
        // Where the processor has it both work, elsewhere both refuse.
        Exception? prediction = Record.Exception(() => unet.Predict(images, Precision.BFloat16).Dispose());
        Exception? training = Record.Exception(() => new Trainer(unet, options with { Epochs = 1 }).Fit(Toys.Squares(2, 2, side: 32), Toys.Squares(2, 2, side: 32)));
        Assert.Equal(Processor.WithoutBFloat16 is null, prediction is null);
        Assert.Equal(prediction?.Message, training?.Message);
        Assert.False(ComputePrecision.IsLowFor(images));
    }

    /// <summary>The bundled encoder, whose features mean something, and a decoder whose running statistics are those of its own features.</summary>
    private static UNetResNet50 Settled()
    {
        UNetResNet50 unet = Preset.Quick.CreateUNet(0, new UNetOptions { SpatialDropout = 0 });
        using Tensor images = Images();
        Recalibration.Apply(unet, [images]);
        return unet;
    }

    private static Tensor Images()
    {
        using Batch batch = Preset.Quick.Batches(BrainMri.Load(64).Train.Every(20).Take(4)).Epoch().Single();
        return batch.Inputs.clone();
    }

    private static Tensor Logits(UNetResNet50 unet, Tensor images, Precision precision)
    {
        using IDisposable computes = ComputePrecision.Force(precision);
        using var noGrad = no_grad();
        return unet.call(images);
    }

    /// <summary>Root mean square of the difference, in that of the expected numbers.</summary>
    private static double Distance(Tensor actual, Tensor expected) => Math.Sqrt(((actual - expected).square().mean() / expected.square().mean()).item<float>());
}
