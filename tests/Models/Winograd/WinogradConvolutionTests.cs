using TorchSharp;
using TorchSharp.Modules;
using UnetResnet.Models;
using UnetResnet.Models.Winograd;
using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Models.Winograd;

/// <summary>Convolutions by tiles against libtorch's in double precision.</summary>
public class WinogradConvolutionTests : ManyThreadsTest
{
    /// <summary>Rounding leaves about 10⁻⁶ of the largest number; a wrong place or factor leaves a tenth and more.</summary>
    private const double Tolerance = 1e-5;

    [Theory]
    [InlineData(2, 0, 32, 32, 8, 8)]
    [InlineData(1, 0, 16, 48, 4, 4)] // one tile
    [InlineData(3, 0, 48, 16, 7, 9)] // tiles over the border
    [InlineData(1, 0, 64, 96, 1, 13)]
    [InlineData(2, 0, 32, 64, 37, 5)] // more than one block of a worker
    [InlineData(2, 32, 0, 32, 6, 10)] // a doubled map alone
    [InlineData(2, 32, 16, 48, 6, 6)] // both
    [InlineData(5, 48, 64, 64, 2, 14)]
    [InlineData(1, 64, 256, 192, 16, 16)]
    public void Results_and_gradients_are_those_of_the_plain_convolution(int batch, int small, int large, int filters, int height, int width)
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        using Conv2d exact = Conv2d(small + large, filters, 3, padding: 1, dtype: float64), convolution = Conv2d(small + large, filters, 3, padding: 1);
        using (no_grad())
        {
            convolution.weight!.copy_(exact.weight!);
            convolution.bias!.copy_(exact.bias!);
        }

        Tensor? x = small > 0 ? randn(batch, small, height / 2, width / 2) : null, y = large > 0 ? randn(batch, large, height, width) : null;
        Tensor direction = randn(batch, filters, height, width);
        (Tensor Result, Tensor?[] Gradients) Step(Conv2d with, ScalarType type, Func<Tensor?, Tensor?, Tensor> compute)
        {
            Tensor? a = x?.to(type, copy: true).requires_grad_(), b = y?.to(type, copy: true).requires_grad_();
            Tensor result = compute(a, b);
            result.backward([direction.to(type)]);
            return (result, [a?.grad, b?.grad, with.weight!.grad, with.bias!.grad]);
        }

        var (wanted, gradients) = Step(exact, float64, (a, b) => exact.call(cat([.. new[] { a is null ? null : functional.upsample_nearest2d(a, [height, width]), b }.OfType<Tensor>()], dim: 1)));
        var (got, others) = Step(convolution, float32, (a, b) => WinogradConvolution.Apply(convolution, a, b));

        Assert.Equal(wanted.shape, got.shape);
        Assert.InRange(RelativeError(wanted, got), 0, Tolerance);
        foreach ((Tensor? expected, Tensor? actual) in gradients.Zip(others))
        {
            Assert.Equal(expected is null, actual is null);
            if (expected is not null) Assert.InRange(RelativeError(expected, actual!), 0, Tolerance);
        }
    }

    /// <summary>Only what is wanted: of a frozen part, and without any gradients.</summary>
    [Theory]
    [InlineData(true, false, true, true)]
    [InlineData(false, true, true, true)]
    [InlineData(false, false, true, true)]
    [InlineData(true, false, false, false)]
    [InlineData(false, true, false, true)]
    public void Gradients_are_computed_where_they_are_wanted(bool ofSmall, bool ofLarge, bool ofKernel, bool ofBias)
    {
        using var scope = NewDisposeScope();
        manual_seed(2);
        using Conv2d convolution = Conv2d(48, 32, 3, padding: 1);
        convolution.weight!.requires_grad_(ofKernel);
        convolution.bias!.requires_grad_(ofBias);
        Tensor[] Step(Func<Tensor, Tensor, Tensor> compute)
        {
            manual_seed(3);
            (convolution.weight!.grad, convolution.bias!.grad) = (null, null);
            Tensor a = randn(2, 32, 4, 4).requires_grad_(ofSmall), b = randn(2, 16, 8, 8).requires_grad_(ofLarge), result = compute(a, b);
            result.backward([randn(2, 32, 8, 8)]);
            Tensor?[] all = [a.grad, b.grad, convolution.weight!.grad, convolution.bias!.grad];
            Assert.Equal([ofSmall, ofLarge, ofKernel, ofBias], all.Select(gradient => gradient is not null));
            return [result, .. all.OfType<Tensor>()];
        }

        Tensor[] expected = Step((a, b) => convolution.call(cat([functional.upsample_nearest2d(a, [8, 8]), b], dim: 1))), actual = Step((a, b) => WinogradConvolution.Apply(convolution, a, b));
        Assert.All(expected.Zip(actual), pair => Assert.InRange(RelativeError(pair.First, pair.Second), 0, Tolerance));
        using var noGrad = no_grad();
        manual_seed(3);
        Assert.False(WinogradConvolution.Apply(convolution, randn(2, 32, 4, 4), randn(2, 16, 8, 8)).requires_grad);
    }

    /// <summary>The last step of inference is part of it.</summary>
    [Fact]
    public void Negative_results_become_zero_and_NaN_stays()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        Tensor x = ChannelsLast.Of(randn(2, 32, 9, 8)), kernel = randn(64, 32, 3, 3), bias = randn(64), form = WinogradConvolution.Form(kernel);
        Tensor plain = functional.conv2d(x, kernel, bias, padding: [1, 1]).relu(), fast = WinogradConvolution.Compute(form, 64, bias, null, x, relu: true);
        Assert.InRange(RelativeError(plain, fast), 0, Tolerance);
        Assert.True(fast.min().item<float>() == 0);
        x[0, 5, 0, 0] = float.NaN;
        Assert.True(WinogradConvolution.Compute(form, 64, bias, null, x, relu: true)[0, 0, 0, 0].isnan().item<bool>());
    }

    /// <summary>A training that goes on elsewhere must give the same numbers with the same threads; results do not depend on the threads at all.</summary>
    [Fact]
    public void Repeated_runs_give_the_same_bytes()
    {
        using var scope = NewDisposeScope();
        manual_seed(4);
        using Conv2d convolution = Conv2d(32, 32, 3, padding: 1);
        Tensor x = randn(3, 32, 21, 22), direction = randn(3, 32, 21, 22);
        (Tensor Result, Tensor Gradient) Step()
        {
            convolution.weight!.grad = null;
            Tensor result = WinogradConvolution.Apply(convolution, null, x);
            result.backward([direction]);
            return (result, convolution.weight!.grad!.clone());
        }

        var (result, gradient) = Step();
        var (again, gradientAgain) = Step();
        Assert.True(TensorMemory.SameBytes(result, again));
        Assert.True(TensorMemory.SameBytes(gradient, gradientAgain));
        int threads = get_num_threads();
        try
        {
            foreach (int other in new[] { 1, 3 })
            {
                set_num_threads(other);
                Assert.True(TensorMemory.SameBytes(result, Step().Result));
            }
        }
        finally
        {
            set_num_threads(threads);
        }
    }

    [Fact]
    public void It_is_taken_where_it_pays_and_can()
    {
        using var scope = NewDisposeScope();
        bool Suits(Tensor map, params long[] kernel) => WinogradConvolution.Suits(map, map.shape[2], map.shape[3], empty(kernel));
        Assert.Equal(WinogradConvolution.IsAvailable, Suits(zeros(1, 32, 32, 32), 32, 32, 3, 3));
        Assert.False(Suits(zeros(1, 32, 32, 32), 32, 32, 1, 1)); // another window
        Assert.False(Suits(zeros(1, 40, 32, 32), 32, 40, 3, 3)); // vectors of 16
        Assert.False(Suits(zeros(1, 32, 4, 4), 32, 32, 3, 3)); // a tile
        Assert.False(Suits(zeros(8, 32, 8, 8), 32, 32, 3, 3)); // 32 tiles, which pay where the kernel's form is kept
        Assert.Equal(WinogradConvolution.IsAvailable, WinogradConvolution.Suits(zeros(8, 32, 8, 8), 8, 8, zeros(32, 32, 3, 3), kept: true));
        Assert.False(WinogradConvolution.Suits(zeros(7, 32, 8, 8), 8, 8, zeros(32, 32, 3, 3), kept: true));
        Assert.False(Suits(zeros([1, 32, 32, 32], bfloat16), 32, 32, 3, 3));
        Assert.False(Suits(zeros([1, 32, 32, 32], float64), 32, 32, 3, 3));
    }

    /// <summary>Loops over bare memory take only what lies there as they read it.</summary>
    [Fact]
    public void Numbers_of_another_type_are_refused()
    {
        using var scope = NewDisposeScope();
        var refused = Assert.Throws<ArgumentException>(() => WinogradConvolution.Form(zeros([16, 16, 3, 3], float64)));
        Assert.Contains("Float64", refused.Message);
        Assert.Contains("contiguous()", refused.Message);
    }

    /// <summary>A trained block of the encoder, against the same block in double precision, which is computed layer by layer.</summary>
    [Theory]
    [InlineData(true)] // batch norm by the batch
    [InlineData(false)] // batch norm in inference mode
    public void A_residual_block_learns_the_same(bool batchStatistics)
    {
        using var scope = NewDisposeScope();
        manual_seed(5);
        using ResNet50Encoder encoder = new(new ResNet50Options { Width = 32 }), exact = new(new ResNet50Options { Width = 32 });
        // Far from zero: where rounding decides on which side of a ReLU's kink a number lies, gradients differ by whole numbers.
        using (no_grad()) foreach (ConvolutionWithNorm layer in encoder.Stages[0][1].Layers) layer.Norm!.Bias.fill_(batchStatistics ? 6 : 30);
        exact.load_state_dict(encoder.state_dict());
        exact.to(float64);
        Tensor x = randn(4, 128, 32, 48).relu(), direction = randn(4, 128, 32, 48);
        Assert.Equal(WinogradConvolution.IsAvailable, WinogradConvolution.Suits(x, 32, 48, encoder.Stages[0][1].Branch2b.Convolution.weight!));
        List<Tensor> Step(ResNet50Encoder network, ScalarType type)
        {
            network.train(batchStatistics);
            ResidualBlock block = network.Stages[0][1];
            Tensor input = ChannelsLast.Of(x.to(type, copy: true)).requires_grad_(), result = block.Apply(input, watched: false);
            result.backward([direction.to(type)]);
            return [result, input.grad!, .. block.Layers.SelectMany(layer => new[] { layer.Convolution.weight!.grad!, layer.Norm!.Weight.grad!, layer.Norm.Bias.grad!, layer.Norm.RunningMean, layer.Norm.RunningVar })];
        }

        List<Tensor> wanted = Step(exact, float64), got = Step(encoder, float32);
        Assert.Equal(17, got.Count);
        double Largest(int i) => wanted[i].abs().max().item<double>();
        // A bias that the next batch norm takes away has no gradient but rounding: the gradient of its layer's kernel is the measure.
        Assert.All(Enumerable.Range(0, got.Count), i => Assert.InRange((wanted[i] - got[i]).abs().mean().item<double>() / Math.Max(Largest(i), i >= 2 && (i - 2) % 5 == 2 ? Largest(i - 2) : 1), 0, 1e-5));
    }

    private static double RelativeError(Tensor expected, Tensor actual) =>
        ((expected - actual).abs().max() / expected.abs().max()).to(float64).item<double>();
}
