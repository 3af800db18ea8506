using UnetResnet.Models;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace UnetResnet.Tests.Models;

public class StridedWindowsTests
{
    /// <summary>Pixels before and after, worked out by hand: ⌈n/2⌉ windows, two apart, need 2(⌈n/2⌉ − 1) + size pixels; the odd one goes after.</summary>
    [Theory]
    [InlineData(7, 224, 2, 3)]
    [InlineData(7, 8, 2, 3)]
    [InlineData(7, 9, 3, 3)]
    [InlineData(7, 75, 3, 3)]
    [InlineData(7, 2, 2, 3)]
    [InlineData(7, 1, 3, 3)]
    [InlineData(3, 112, 0, 1)]
    [InlineData(3, 2, 0, 1)]
    [InlineData(3, 3, 1, 1)]
    [InlineData(3, 1, 1, 1)]
    public void Same_padding_is_that_of_TensorFlow(int size, int side, int before, int after)
    {
        using var scope = NewDisposeScope();

        Tensor rows = StridedWindows.Pad(ones(1, 1, side, 5), size, ConvolutionPadding.Same, 0);
        Tensor columns = StridedWindows.Pad(ones(1, 1, 5, side), size, ConvolutionPadding.Same, 0);

        Assert.Equal(side + before + after, rows.shape[2]);
        Assert.Equal(side + before + after, columns.shape[3]);
        // The ones lie where the picture lies.
        Assert.Equal(before, rows.amax([0, 1, 3]).argmax().item<long>());
        Assert.Equal(before, columns.amax([0, 1, 2]).argmax().item<long>());
        Assert.Equal(side * 5, rows.sum().item<float>());
        Assert.Equal((side + 1) / 2, F.max_pool2d(columns, size, stride: 2).shape[3]);
    }

    [Theory]
    [InlineData(7, 3)]
    [InlineData(3, 1)]
    public void Symmetric_padding_is_half_the_window(int size, int each)
    {
        using var scope = NewDisposeScope();
        Tensor padded = StridedWindows.Pad(ones(1, 2, 6, 9), size, ConvolutionPadding.Symmetric, -1);

        Assert.Equal([1, 2, 6 + 2 * each, 9 + 2 * each], padded.shape);
        Assert.Equal(-1, padded[0, 0, each - 1, each].item<float>());
        Assert.Equal(1, padded[0, 1, each, each].item<float>());
    }

    /// <summary>Forward only: the backward pass of the strided convolution is what this stands in for, since it kills the process on some CPUs.</summary>
    [Theory]
    [InlineData(8, 10)]
    [InlineData(7, 9)]
    [InlineData(1, 1)]
    public void Every_second_pixel_then_1x1_is_the_strided_1x1(int height, int width)
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        Tensor x = randn([2, 16, height, width], float64), kernel = randn([32, 16, 1, 1], float64);

        Tensor strided = F.conv2d(x, kernel, strides: [2, 2]);
        Tensor ours = F.conv2d(StridedWindows.EverySecond(x), kernel);

        Assert.Equal(strided.shape, ours.shape);
        // The same 16 products in float64; only the order of the sum may differ.
        Assert.True((strided - ours).abs().max().item<double>() < 1e-13);
    }

    [Fact]
    public void The_gradient_of_every_second_pixel_lands_on_those_pixels()
    {
        using var scope = NewDisposeScope();
        Tensor x = zeros([1, 1, 3, 4], requires_grad: true);
        StridedWindows.EverySecond(x).sum().backward();
        Assert.Equal([1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1, 0], x.grad!.data<float>().ToArray());
    }
}
