using UnetResnet.Normalization;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Normalization;

public class BatchRenormalizationTests
{
    [Fact]
    public void With_r_1_and_d_0_it_is_batch_norm_bit_for_bit()
    {
        using var scope = NewDisposeScope();
        using ModalBatchNorm2d plain = Layer(null), renormalised = Layer(BatchRenormalization.PlainBatchNorm);
        Tensor a = Input().requires_grad_(true), b = Input().requires_grad_(true);
        Tensor expected = plain.call(a), actual = renormalised.call(b);
        Assert.Equal(expected.Values(), actual.Values());
        expected.pow(3).sum().backward();
        actual.pow(3).sum().backward();
        Assert.Equal(a.grad!.Values(), b.grad!.Values());
        Assert.Equal(plain.Weight.grad!.Values(), renormalised.Weight.grad!.Values());
        Assert.Equal(plain.Bias.grad!.Values(), renormalised.Bias.grad!.Values());
        Assert.Empty(Numbers.Changed(Numbers.State(plain), Numbers.State(renormalised)));
    }

    [Fact]
    public void Without_limits_training_computes_what_inference_computes()
    {
        using var scope = NewDisposeScope();
        using ModalBatchNorm2d layer = Layer(BatchRenormalization.Unlimited);
        // An ε that is seen.
        layer.Options = layer.Options with { Eps = 0.1 };
        Tensor input = Input();
        layer.eval();
        double[] inference = layer.call(input).Values().Doubles();
        layer.train();
        Numbers.AssertClose(inference, layer.call(input), 1e-5);
        // And the running statistics have moved.
        layer.eval();
        Assert.NotEqual(inference, layer.call(input).Values().Doubles());
    }

    [Fact]
    public void Between_them_r_and_d_are_clipped()
    {
        using var scope = NewDisposeScope();
        using var layer = new ModalBatchNorm2d(1, BatchNormOptions.Torch with { Renormalization = new BatchRenormalization { RMax = 2, DMax = 0.5 } });
        using (no_grad())
        {
            layer.Weight.fill_(3);
            layer.Bias.fill_(1);
        }

        // ±4 around 4 against mean 0 and variance 1: x̂ = ±1, r = 4 clipped to 2, d = 4 clipped to 0.5; 3·(±2 + 0.5) + 1.
        Numbers.AssertClose([-3.5, 8.5], layer.call(tensor([0f, 8], [2, 1, 1, 1])), 1e-5);
        using (no_grad())
        {
            layer.RunningMean.fill_(0);
            layer.RunningVar.fill_(1);
        }

        // ±0.1 around −4: r = 0.1 clipped to 1/2, d = −4 clipped to −0.5; 3·(±1/2 − 0.5) + 1. Of the variance 0.01, ε = 1e-5 is a thousandth.
        Numbers.AssertClose([-2, 1], layer.call(tensor([-4.1f, -3.9f], [2, 1, 1, 1])), 5e-4);
    }

    [Fact]
    public void It_mends_the_mode_that_is_the_bug()
    {
        using var scope = NewDisposeScope();
        using ModalBatchNorm2d layer = Layer(BatchRenormalization.Unlimited);
        layer.Mode = BatchNormMode.Keras213;
        Tensor input = Input();
        layer.eval();
        double[] inference = layer.call(input).Values().Doubles();
        layer.train();
        Numbers.AssertClose(inference, layer.call(input), 1e-5);
    }

    [Fact]
    public void Limits_out_of_range_are_refused()
    {
        Assert.Contains("at least 1", Assert.Throws<ArgumentOutOfRangeException>("RMax", () => new BatchRenormalization { RMax = 0.9 }).Message);
        Assert.Contains("at least 0", Assert.Throws<ArgumentOutOfRangeException>("DMax", () => new BatchRenormalization { DMax = double.NaN }).Message);
    }

    private static ModalBatchNorm2d Layer(BatchRenormalization? renormalization)
    {
        var layer = new ModalBatchNorm2d(4, BatchNormOptions.Torch with { Renormalization = renormalization });
        using var noGrad = no_grad();
        layer.Weight.copy_(tensor([1f, -2, 0.5f, 3]));
        layer.Bias.copy_(tensor([0f, 1, -1, 2]));
        layer.RunningMean.copy_(tensor([0f, 1, 2, -3]));
        layer.RunningVar.copy_(tensor([1f, 2, 0.3f, 4]));
        return layer;
    }

    private static Tensor Input() => tensor(Numbers.Normal(new Random(3), 6, 4, 9), [6, 4, 3, 3]);
}
