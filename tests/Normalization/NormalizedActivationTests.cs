using UnetResnet.Normalization;
using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Normalization;

/// <summary>Batch norm and ReLU as one operation, against libtorch's two in double precision.</summary>
public class NormalizedActivationTests : ManyThreadsTest
{
    [Theory]
    [InlineData(2, 16, 3, 5, true, false, 0)]
    [InlineData(2, 16, 3, 5, false, false, 0)]
    [InlineData(2, 16, 3, 5, true, true, 0)]
    [InlineData(2, 16, 3, 5, false, true, 0)]
    [InlineData(3, 48, 7, 9, true, false, 0)]
    [InlineData(2, 32, 61, 50, true, false, 0)] // many blocks, on several threads
    [InlineData(2, 32, 61, 50, false, false, 0)]
    [InlineData(2, 32, 61, 50, true, true, 0)]
    [InlineData(4, 16, 20, 20, true, false, 100)] // a mean that is large beside the deviation
    public void Results_and_gradients_are_those_of_the_operations_apart(int images, int channels, int height, int width, bool relu, bool sum, double mean)
    {
        using var scope = NewDisposeScope();
        TorchRuntime.Seed(1);
        Tensor map = randn(images, channels, height, width, float64) + mean, gamma = randn(channels, float64), beta = randn(channels, float64), direction = randn(map.shape, float64), other = randn(map.shape, float64);
        (map, gamma, beta, direction, other) = (map.to(float32), gamma.to(float32), beta.to(float32), direction.to(float32), other.to(float32));
        (Tensor Result, Tensor[] Gradients) Step(ScalarType type, Func<Tensor, Tensor, Tensor, Tensor?, Tensor> compute)
        {
            Tensor Leaf(Tensor values) => ChannelsLast.Of(values.to(type)).detach().clone().requires_grad_();
            Tensor x = Leaf(map), weight = gamma.to(type, copy: true).requires_grad_(), bias = beta.to(type, copy: true).requires_grad_();
            Tensor? onto = sum ? Leaf(other) : null;
            Tensor result = compute(x, weight, bias, onto);
            result.backward([direction.to(type)]);
            return (result, [x.grad!, weight.grad!, bias.grad!, .. onto is null ? [] : new[] { onto.grad! }]);
        }

        var wanted = Step(float64, (x, weight, bias, onto) =>
        {
            Tensor y = functional.batch_norm(x, null!, null!, weight, bias, training: true, momentum: 0, eps: 1e-3);
            if (onto is not null) y += onto;
            return relu ? y.relu() : y;
        });
        var got = Step(float32, (x, weight, bias, onto) =>
        {
            using ChannelMap values = ChannelMap.Of(x.detach())!;
            return NormalizedActivation.Apply(x, weight, bias, ChannelMap.Moments(values.Sums(1)[0], values.Count(1)), 1e-3, relu, onto);
        });

        Assert.Equal(sum ? 4 : 3, got.Gradients.Length);

        double tolerance = mean == 0 ? 2e-6 : 2e-5;
        Assert.InRange(Error(wanted.Result, got.Result), 0, tolerance);
        Assert.All(wanted.Gradients.Zip(got.Gradients), pair => Assert.InRange(Error(pair.First, pair.Second), 0, tolerance));
    }

    /// <summary>Whatever moves, counts or watches sees the same as in the layer's own forward pass.</summary>
    [Theory]
    [InlineData(BatchNormMode.Trainable, true, false, VarianceEstimator.Biased)]
    [InlineData(BatchNormMode.Trainable, true, true, VarianceEstimator.KerasTwiceCorrected)]
    [InlineData(BatchNormMode.Trainable, true, false, VarianceEstimator.Unbiased)]
    [InlineData(BatchNormMode.Keras213, true, false, VarianceEstimator.Biased)]
    [InlineData(BatchNormMode.BatchOnly, true, false, VarianceEstimator.Biased)]
    [InlineData(BatchNormMode.BatchOnly, false, false, VarianceEstimator.Biased)]
    public void A_layer_does_the_same_as_apart(BatchNormMode mode, bool training, bool zeroDebias, VarianceEstimator variance)
    {
        using var scope = NewDisposeScope();
        TorchRuntime.Seed(2);
        Tensor x = Map(), gamma = rand(32) + 0.5;
        (Tensor Output, Tensor Mean, Tensor Variance, long Counted, int Watched) Pass(bool together)
        {
            using var layer = new ModalBatchNorm2d(32, BatchNormOptions.Keras213 with { ZeroDebias = zeroDebias, MovingVariance = variance }, mode);
            using (no_grad()) layer.Weight.copy_(gamma);
            layer.train(training);
            int watched = 0;
            using var counter = new PooledStatistics(32);
            (layer.Counter, layer.Watcher) = (counter, map => watched += ReferenceEquals(map, x) ? 1 : 0);
            Tensor output = together ? layer.Activated(x, relu: true)! : layer.call(x).relu();
            return (output.detach(), layer.RunningMean.clone(), layer.RunningVar.clone(), counter.Count, watched);
        }

        var apart = Pass(together: false);
        var together = Pass(together: true);
        Assert.InRange(Error(apart.Output, together.Output), 0, 1e-5);
        Assert.InRange(Error(apart.Mean, together.Mean), 0, 1e-5);
        Assert.InRange(Error(apart.Variance, together.Variance), 0, 1e-5);
        Assert.Equal((apart.Counted, apart.Watched), (together.Counted, together.Watched));
        Assert.Equal(1, together.Watched);
    }

    [Fact]
    public void A_layer_that_does_something_else_is_left_to_its_forward_pass()
    {
        using var scope = NewDisposeScope();
        Tensor x = Map();
        bool Suits(BatchNormMode mode, Tensor map, BatchNormOptions? options = null)
        {
            using var layer = new ModalBatchNorm2d(32, options, mode);
            Tensor before = layer.RunningMean.clone();
            Tensor? result = layer.Activated(map, relu: true);
            if (result is null) Assert.True(TensorMemory.SameBytes(before, layer.RunningMean));
            return result is not null;
        }

        Assert.True(Suits(BatchNormMode.Trainable, x));
        Assert.False(Suits(BatchNormMode.Inference, x));
        Assert.False(Suits(BatchNormMode.Trainable, x, BatchNormOptions.Keras213 with { Renormalization = new BatchRenormalization() }));
        Assert.False(Suits(BatchNormMode.Trainable, x.contiguous())); // channels are not side by side
        using (var layer = new ModalBatchNorm2d(32)) Assert.Null(layer.Activated(x, relu: true, onto: x.contiguous()));
        Assert.False(Suits(BatchNormMode.Trainable, x.to(float64)));
        Assert.False(Suits(BatchNormMode.Trainable, ChannelsLast.Of(randn(2, 32, 8, 8)))); // a small map
    }

    /// <summary>Only what is wanted gets a gradient, and the result is no view: a sum may go on in its memory.</summary>
    [Fact]
    public void Gradients_reach_what_wants_them()
    {
        using var scope = NewDisposeScope();
        Tensor x = Map().requires_grad_();
        using var layer = new ModalBatchNorm2d(32, mode: BatchNormMode.Keras213);
        layer.Activated(x, relu: false)!.add_(1).square().sum().backward();
        Assert.NotNull(x.grad);
        Assert.Null(layer.Weight.grad);

        using var trained = new ModalBatchNorm2d(32);
        trained.Activated(x.detach(), relu: true)!.sum().backward();
        Assert.NotNull(trained.Weight.grad);
        using (no_grad()) Assert.False(trained.Activated(x, relu: true)!.requires_grad);
    }

    [Fact]
    public void What_is_not_a_number_stays_so()
    {
        using var scope = NewDisposeScope();
        Tensor x = Map();
        x[0, 3, 0, 0] = float.NaN;
        using var layer = new ModalBatchNorm2d(32);
        Tensor nan = layer.Activated(x, relu: true)!.isnan();
        Assert.True(nan[.., 3].all().item<bool>());
        Assert.False(nan[.., 4].any().item<bool>());
    }

    private static Tensor Map() => ChannelsLast.Of(randn(4, 32, 48, 48) * 3 + 1).detach();

    private static double Error(Tensor wanted, Tensor got) => ((got.to(float64) - wanted.to(float64)).abs().max() / wanted.to(float64).abs().max().clamp_min(1e-6)).item<double>();
}
