using UnetResnet.Normalization;
using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Normalization;

/// <summary>Batch norm, ReLU, dropout of channels and a 1×1 convolution to one channel as one operation, against libtorch's four in double precision.</summary>
public class NormalizedProjectionTests : ManyThreadsTest
{
    [Theory]
    [InlineData(2, 16, 3, 5, 0)]
    [InlineData(1, 16, 2, 3, 0)]
    [InlineData(3, 48, 7, 9, 0)]
    [InlineData(2, 32, 61, 50, 0)] // many blocks for each image, on several threads
    [InlineData(4, 16, 20, 20, 100)] // a mean that is large beside the deviation
    public void Results_and_gradients_are_those_of_the_operations_apart(int images, int channels, int height, int width, double mean)
    {
        using var scope = NewDisposeScope();
        TorchRuntime.Seed(1);
        Tensor map = randn(images, channels, height, width) + mean, gamma = randn(channels), beta = randn(channels), kernel = randn(1, channels, 1, 1), shift = randn(1), direction = randn(images, 1, height, width);
        Tensor kept = rand(images, channels, 1, 1).gt(0.3).to(float32) / 0.7;
        (Tensor Result, Tensor[] Gradients) Step(ScalarType type, Func<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> compute)
        {
            Tensor[] leaves = [ChannelsLast.Of(map.to(type)).detach().clone().requires_grad_(), .. new[] { gamma, beta, kernel, shift }.Select(one => one.to(type, copy: true).requires_grad_())];
            Tensor result = compute(leaves[0], leaves[1], leaves[2], leaves[3], leaves[4]);
            result.backward([direction.to(type)]);
            return (result, [.. leaves.Select(leaf => leaf.grad!)]);
        }

        var wanted = Step(float64, (x, weight, bias, w, b) =>
            functional.conv2d(functional.batch_norm(x, null!, null!, weight, bias, training: true, momentum: 0, eps: 1e-3).relu() * kept.to(float64), w, b));
        var got = Step(float32, (x, weight, bias, w, b) =>
        {
            using ChannelMap values = ChannelMap.Of(x.detach())!;
            return NormalizedProjection.Apply(x, weight, bias, ChannelMap.Moments(values.Sums(1)[0], values.Count(1)), 1e-3, kept, w, b);
        });

        double tolerance = mean == 0 ? 2e-6 : 2e-5;
        Assert.InRange(Error(wanted.Result, got.Result), 0, tolerance);
        Assert.Equal(5, got.Gradients.Length);
        Assert.All(wanted.Gradients.Zip(got.Gradients), pair =>
        {
            Assert.Equal(pair.First.shape, pair.Second.shape);
            Assert.InRange(Error(pair.First, pair.Second), 0, tolerance);
        });
    }

    [Fact]
    public void Only_what_is_wanted_gets_a_gradient()
    {
        using var scope = NewDisposeScope();
        Tensor x = Map(), kernel = randn(1, 32, 1, 1), shift = randn(1), kept = ones(4, 32, 1, 1);
        using var layer = new ModalBatchNorm2d(32, mode: BatchNormMode.Keras213);
        Assert.False(layer.Projected(x, () => kept, kernel, shift)!.requires_grad);

        kernel.requires_grad_();
        layer.Projected(x, () => kept, kernel, shift)!.sum().backward();
        Assert.NotNull(kernel.grad);
        Assert.Null(layer.Weight.grad);
        Assert.Null(x.grad);
        using (no_grad()) Assert.False(layer.Projected(x, () => kept, kernel, shift)!.requires_grad);
    }

    [Fact]
    public void A_layer_that_does_something_else_draws_no_dropout()
    {
        using var scope = NewDisposeScope();
        Tensor kernel = randn(1, 32, 1, 1), shift = randn(1);
        using var layer = new ModalBatchNorm2d(32, mode: BatchNormMode.Inference);
        Assert.Null(layer.Projected(Map(), () => throw new InvalidOperationException("drawn"), kernel, shift));
        layer.Mode = BatchNormMode.Trainable;
        Assert.Null(layer.Projected(Map().contiguous(), () => throw new InvalidOperationException("drawn"), kernel, shift));
    }

    [Fact]
    public void What_is_not_a_number_stays_so()
    {
        using var scope = NewDisposeScope();
        Tensor x = Map(), kernel = randn(1, 32, 1, 1), shift = randn(1);
        using var layer = new ModalBatchNorm2d(32);
        Assert.False(layer.Projected(x, () => ones(4, 32, 1, 1), kernel, shift)!.isnan().any().item<bool>());
        // The channel's statistics are none any more, and it is part of every sum.
        x[0, 3, 0, 0] = float.NaN;
        Assert.True(layer.Projected(x, () => ones(4, 32, 1, 1), kernel, shift)!.isnan().all().item<bool>());
    }

    /// <summary>Without gradients and batch norm: a 1×1 convolution alone.</summary>
    [Theory]
    [InlineData(2, 16, 3, 5)]
    [InlineData(3, 48, 61, 50)]
    public void A_projection_alone_is_the_convolution(int images, int channels, int height, int width)
    {
        using var scope = NewDisposeScope();
        TorchRuntime.Seed(3);
        Tensor x = ChannelsLast.Of(randn(images, channels, height, width)), kernel = randn(1, channels, 1, 1), shift = randn(1);
        using ChannelMap map = ChannelMap.Of(x)!;
        Tensor wanted = functional.conv2d(x.to(float64), kernel.to(float64), shift.to(float64)), got = map.Projected(kernel, shift);
        Assert.Equal(wanted.shape, got.shape);
        Assert.InRange(Error(wanted, got), 0, 2e-6);
    }

    private static Tensor Map() => ChannelsLast.Of(randn(4, 32, 48, 48) * 3 + 1).detach();

    private static double Error(Tensor wanted, Tensor got) => ((got.to(float64) - wanted.to(float64)).abs().max() / wanted.to(float64).abs().max().clamp_min(1e-6)).item<double>();
}
