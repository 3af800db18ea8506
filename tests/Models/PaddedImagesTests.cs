using UnetResnet.Models;
using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Models;

/// <summary>Images within zeros against libtorch's padding.</summary>
public class PaddedImagesTests : ManyThreadsTest
{
    [Theory]
    [InlineData(1, 1, 1, 0, 0, 0, 0)]
    [InlineData(2, 5, 7, 2, 3, 1, 4)]
    [InlineData(3, 96, 64, 2, 3, 2, 3)]
    [InlineData(2, 1, 9, 3, 3, 3, 3)]
    public void Numbers_are_those_of_a_padded_copy(int batch, int height, int width, int top, int bottom, int left, int right)
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        Tensor images = randn(batch, 3, height, width), wanted = functional.pad(images, [left, right, top, bottom]), got = PaddedImages.Of(images, top, bottom, left, right);
        Assert.Equal(wanted.shape, got.shape);
        Assert.Equal(wanted.Values<float>(), got.Values<float>());
        Assert.True(got.permute(0, 2, 3, 1).is_contiguous());
    }

    /// <summary>Another order, another type or number of channels, a wanted gradient: libtorch pads, with the same numbers in the same order.</summary>
    [Fact]
    public void What_it_does_not_do_libtorch_does()
    {
        using var scope = NewDisposeScope();
        Tensor images = randn(2, 3, 8, 10), wanted = StridedWindows.Pad(images, 7, ConvolutionPadding.Same, 0);
        Assert.True(PaddedImages.Suits(images));
        Tensor others = ChannelsLast.Of(images), leaf = images.clone().requires_grad_(true);
        foreach (Tensor other in new[] { others, images.to(float64), leaf })
        {
            Assert.False(PaddedImages.Suits(other));
            Tensor padded = StridedWindows.Pad(other, 7, ConvolutionPadding.Same, 0);
            Assert.True(padded.to(float32).equal(wanted).all().item<bool>());
            Assert.Equal(wanted.stride(), padded.stride());
        }

        Assert.False(PaddedImages.Suits(randn(2, 4, 8, 8)));
        Assert.False(PaddedImages.Suits(randn(0, 3, 8, 8)));
        StridedWindows.Pad(leaf, 7, ConvolutionPadding.Same, 0).sum().backward();
        Assert.Equal(leaf.numel(), leaf.grad!.sum().item<float>());
        using (no_grad()) Assert.True(PaddedImages.Suits(leaf));
    }
}
