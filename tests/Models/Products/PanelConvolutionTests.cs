using UnetResnet.Models.Products;
using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Models.Products;

/// <summary>Convolutions with a kept kernel against libtorch's in double precision.</summary>
public class PanelConvolutionTests : ManyThreadsTest
{
    [Theory]
    [InlineData(1, 16, 16, 1, 1, 1)]
    [InlineData(10, 512, 128, 3, 3, 1)] // two pixels more than eights
    [InlineData(2, 48, 80, 5, 7, 1)]
    [InlineData(3, 64, 16, 24, 24, 1)]
    [InlineData(1, 16, 16, 1, 1, 3)] // a window of zeros but for its middle
    [InlineData(10, 128, 128, 3, 3, 3)]
    [InlineData(2, 48, 80, 5, 7, 3)]
    [InlineData(3, 16, 32, 1, 9, 3)]
    public void Results_are_those_of_the_plain_convolution(int batch, int channels, int filters, int height, int width, int size)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        manual_seed(1);
        Tensor x = ChannelsLast.Of(randn(batch, channels, height, width)), kernel = randn(filters, channels, size, size), bias = randn(filters), onto = randn(batch, filters, height, width), form = PanelConvolution.Form(kernel);
        Tensor wanted = functional.conv2d(x.to(float64), kernel.to(float64), bias.to(float64), padding: [size / 2, size / 2]);
        foreach (bool relu in new[] { false, true })
        {
            Close(relu ? wanted.relu() : wanted, PanelConvolution.Compute(form, bias, x, relu));
            Tensor sum = ChannelsLast.Of(onto).clone();
            PanelConvolution.AddTo(sum, form, bias, x, relu);
            Close(relu ? (wanted + onto).relu() : wanted + onto, sum);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Bytes_do_not_depend_on_the_number_of_threads(int size)
    {
        using var scope = NewDisposeScope();
        manual_seed(2);
        Tensor x = ChannelsLast.Of(randn(3, 64, 11, 7)), form = PanelConvolution.Form(randn(96, 64, size, size)), bias = randn(96);
        byte[] With(int threads)
        {
            set_num_threads(threads);
            return PanelConvolution.Compute(form, bias, x, relu: true).Bytes();
        }

        Assert.Equal(With(1), With(3));
    }

    [Fact]
    public void What_is_not_a_number_stays_where_it_can_be_seen()
    {
        using var scope = NewDisposeScope();
        Tensor x = ChannelsLast.Of(zeros(1, 16, 3, 3)).clone();
        x[0, 4, 1, 2] = float.NaN;
        bool[] seen = PanelConvolution.Compute(PanelConvolution.Form(ones(32, 16, 1, 1)), zeros(32), x, relu: true)[0, 20].isnan().flatten().Values<bool>();
        Assert.Equal([false, false, false, false, false, true, false, false, false], seen);
    }

    [Fact]
    public void It_is_for_small_convolutions()
    {
        using var scope = NewDisposeScope();
        Tensor map = zeros(10, 64, 24, 24), kernel = zeros(16, 64, 1, 1);
        Assert.Equal(MatrixProduct.Suits(16), PanelConvolution.Suits(map, kernel));
        Assert.False(PanelConvolution.Suits(zeros(8, 256, 32, 32), zeros(64, 256, 1, 1))); // many products
        Assert.False(PanelConvolution.Suits(map, zeros(16, 64, 3, 3))); // nine times as many
        Assert.Equal(MatrixProduct.Suits(16), PanelConvolution.Suits(zeros(1, 64, 24, 24), zeros(16, 64, 3, 3)));
        Assert.False(PanelConvolution.Suits(map, zeros(16, 64, 1, 3)));
        Assert.False(PanelConvolution.Suits(map, zeros(20, 64, 1, 1))); // vectors of 16
        Assert.False(PanelConvolution.Suits(map.to(bfloat16), kernel.to(bfloat16)));
    }

    private static void Close(Tensor wanted, Tensor got)
    {
        Assert.Equal(wanted.shape, got.shape);
        Assert.InRange(((got - wanted).abs().max() / wanted.abs().max()).to(float64).item<double>(), 0, 1e-5);
    }
}
