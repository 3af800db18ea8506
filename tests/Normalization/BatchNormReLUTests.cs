using UnetResnet.Normalization;
using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Normalization;

/// <summary>Batch norm, sum and ReLU in one operation against the three of libtorch.</summary>
public class BatchNormReLUTests
{
    /// <summary>Against double precision: rounding of float32, where sums of some thousand numbers lose a digit.</summary>
    [Theory]
    [InlineData(2, 16, 5, 7, false)]
    [InlineData(2, 16, 5, 7, true)]
    [InlineData(3, 48, 20, 21, true)]
    [InlineData(1, 2048, 3, 2, false)]
    [InlineData(1, 32, 64, 64, true)]
    [InlineData(1, 16, 3, 3, false)]
    public void Results_and_gradients_are_those_of_three_operations(int batch, int channels, int height, int width, bool sums)
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        // Far from zero: squares of such numbers alone would leave no digit of the variance.
        Tensor x = ChannelsLast.Of(randn(batch, channels, height, width) * 3 + 500), other = ChannelsLast.Of(randn(batch, channels, height, width)), direction = randn(batch, channels, height, width);
        if (!BatchNormReLU.Suits(x)) return; // no AVX-512
        Tensor weight = rand(channels) + 0.5, bias = randn(channels);
        Tensor[] leaves = [x, weight, bias, .. sums ? new[] { other } : []];
        (Tensor Result, Tensor[] Gradients) Step(ScalarType type, Func<Tensor[], Tensor> compute)
        {
            Tensor[] copies = [.. leaves.Select(leaf => leaf.to(type, copy: true).requires_grad_())];
            Tensor result = compute(copies);
            result.backward([direction.to(type)]);
            return (result, [.. copies.Select(copy => copy.grad!)]);
        }

        var (wanted, gradients) = Step(float64, t =>
        {
            Tensor normal = functional.batch_norm(t[0], null!, null!, t[1], t[2], training: true, momentum: 0, eps: 1e-3);
            return (sums ? normal + t[3] : normal).relu();
        });
        Tensor? mean = null, variance = null;
        var (got, others) = Step(float32, t =>
        {
            (Tensor result, mean, variance) = BatchNormReLU.Apply(t[0], t[1], t[2], 1e-3, sums ? t[3] : null);
            return result;
        });

        Assert.InRange(RelativeError(wanted, got), 0, 1e-4);
        (Tensor exactVariance, Tensor exactMean) = var_mean(x.to(float64), [0, 2, 3], unbiased: true);
        Assert.InRange(RelativeError(exactMean, mean!), 0, 1e-6);
        Assert.InRange(RelativeError(exactVariance, variance!), 0, 1e-5);
        // A number within rounding of zero may fall on the other side of the ReLU.
        Assert.All(gradients.Zip(others), pair => Assert.InRange((pair.First - pair.Second).abs().mean().item<double>() / pair.First.abs().max().item<double>(), 0, 1e-3));
        Assert.Equal(gradients.Length, others.Length);
    }

    /// <summary>Numbers that float32 holds exactly and a variance that leaves no rounding: nothing is near the edge of the ReLU but what lies on it.</summary>
    [Fact]
    public void On_the_edge_of_the_ReLU_no_gradient_passes_and_NaN_does()
    {
        using var scope = NewDisposeScope();
        // Mean 0, variance 1, ε 0: normalised numbers are the numbers themselves; 16 channels alike.
        Tensor column = tensor([1f, -1f, 1f, -1f]).view(1, 1, 4, 1).expand(1, 16, 4, 1), x = ChannelsLast.Of(column.clone());
        if (!BatchNormReLU.Suits(x)) return; // no AVX-512
        Tensor other = ChannelsLast.Of(tensor([-1f, 3f, 0f, float.NaN]).view(1, 1, 4, 1).expand(1, 16, 4, 1).clone()).requires_grad_();
        (Tensor result, _, _) = BatchNormReLU.Apply(x, ones(16), zeros(16), 0, other);
        Assert.Equal([0f, 2f, 1f, float.NaN], result[0, 5, TensorIndex.Colon, 0].Values<float>());
        result.backward([ones_like(result.detach())]);
        Assert.Equal([0f, 1f, 1f, 1f], other.grad![0, 5, TensorIndex.Colon, 0].Values<float>());
    }

    /// <summary>What a layer does besides: running statistics of every kind, counting, and what it leaves to the usual way.</summary>
    [Theory]
    [InlineData(BatchNormMode.Trainable)]
    [InlineData(BatchNormMode.Keras213)]
    [InlineData(BatchNormMode.TorchFrozenParameters)]
    [InlineData(BatchNormMode.BatchOnly)]
    public void A_layer_moves_its_statistics_as_it_always_does(BatchNormMode mode)
    {
        using var scope = NewDisposeScope();
        manual_seed(2);
        Tensor x = ChannelsLast.Of(randn(4, 32, 6, 6) + 1);
        if (!BatchNormReLU.Suits(x)) return; // no AVX-512
        using var fast = new ModalBatchNorm2d(32, BatchNormOptions.Keras213 with { ZeroDebias = true }, mode);
        using var usual = new ModalBatchNorm2d(32, BatchNormOptions.Keras213 with { ZeroDebias = true }, mode);
        using PooledStatistics counted = new(32), counts = new(32);
        (fast.Counter, usual.Counter) = (counted, counts);
        for (int step = 0; step < 3; step++)
        {
            Tensor one = fast.Activated(x + step, null)!, three = usual.call(x + step).relu();
            Assert.Equal(mode.TrainsAffine(), one.requires_grad);
            Assert.InRange(RelativeError(three, one), 0, 1e-5);
        }

        Assert.True(usual.RunningMean.allclose(fast.RunningMean, 1e-5, 1e-6));
        Assert.True(usual.RunningVar.allclose(fast.RunningVar, 1e-5, 1e-6));
        Assert.Equal(mode.UpdatesStatistics(), fast.RunningMean.abs().max().item<float>() > 0.01);
        Assert.Equal(counts.Count, counted.Count);
        fast.Mode = BatchNormMode.Inference;
        Assert.Null(fast.Activated(x, null));
        fast.Mode = BatchNormMode.Trainable;
        fast.Options = fast.Options with { Renormalization = new BatchRenormalization() };
        Assert.Null(fast.Activated(x, null));
        Assert.Null(usual.Activated(x.to(float64), null));
    }

    private static double RelativeError(Tensor expected, Tensor actual) =>
        ((expected - actual).abs().max() / expected.abs().max()).to(float64).item<double>();
}
