using UnetResnet.Models;
using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Models;

/// <summary>The maximum without gradients against libtorch's.</summary>
public class WindowMaximumTests : ManyThreadsTest
{
    [Theory]
    [InlineData(ConvolutionPadding.Same, 8, 8)]
    [InlineData(ConvolutionPadding.Same, 7, 10)]
    [InlineData(ConvolutionPadding.Same, 1, 2)]
    [InlineData(ConvolutionPadding.Symmetric, 8, 8)]
    [InlineData(ConvolutionPadding.Symmetric, 9, 6)]
    [InlineData(ConvolutionPadding.Symmetric, 1, 1)]
    public void Results_are_those_of_the_padded_map(ConvolutionPadding padding, int height, int width)
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        Tensor x = ChannelsLast.Of(randn(3, 32, height, width));
        Tensor wanted = functional.max_pool2d(StridedWindows.Pad(x, 3, padding, double.NegativeInfinity), 3, stride: 2), got = StridedWindows.MaxPool(x, padding);
        Assert.Equal(wanted.shape, got.shape);
        Assert.Equal(wanted.Values<float>(), got.Values<float>());
    }

    [Fact]
    public void What_is_not_a_number_stays_where_it_can_be_seen()
    {
        using var scope = NewDisposeScope();
        Tensor x = ChannelsLast.Of(zeros(1, 16, 6, 6)).clone();
        x[0, 4, 1, 3] = float.NaN;
        bool[] seen = StridedWindows.MaxPool(x, ConvolutionPadding.Same)[0, 4].isnan().flatten().Values<bool>();
        Assert.Equal([false, true, false, false, false, false, false, false, false], seen);
    }

    [Fact]
    public void Where_gradients_are_wanted_they_flow()
    {
        using var scope = NewDisposeScope();
        Tensor x = ChannelsLast.Of(randn(2, 16, 6, 6)).clone().requires_grad_(true);
        Assert.False(WindowMaximum.Suits(x));
        StridedWindows.MaxPool(x, ConvolutionPadding.Same).sum().backward();
        Assert.InRange(x.grad!.sum().item<float>(), 2 * 16 * 9 - 0.01, 2 * 16 * 9 + 0.01);
        using var noGrad = no_grad();
        Assert.Equal(UnetResnet.Models.Products.MatrixProduct.Suits(16), WindowMaximum.Suits(x));
    }
}
