using UnetResnet.Models.Products;
using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Models.Products;

/// <summary>3×3 convolutions of doubled maps with a kept kernel against libtorch's of the doubled map in double precision.</summary>
public class DoubledProductTests : ManyThreadsTest
{
    [Theory]
    [InlineData(1, 16, 16, 1, 1)]
    [InlineData(10, 512, 64, 3, 3)]
    [InlineData(2, 48, 80, 1, 5)]
    [InlineData(3, 32, 16, 6, 2)]
    public void Results_are_those_of_the_doubled_map(int batch, int channels, int filters, int height, int width)
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        Tensor x = ChannelsLast.Of(randn(batch, channels, height, width)), kernel = randn(filters, channels, 3, 3);
        Tensor wanted = functional.conv2d(functional.upsample_nearest2d(x.to(float64), [2 * height, 2 * width]), kernel.to(float64), padding: [1, 1]);
        Tensor onto = ChannelsLast.Of(randn(batch, filters, 2 * height, 2 * width));
        foreach (bool relu in new[] { false, true })
        {
            Tensor sum = onto.clone();
            DoubledProduct.AddTo(sum, DoubledProduct.Form(kernel), x, relu);
            Tensor right = relu ? (wanted + onto).relu() : wanted + onto;
            Assert.InRange(((sum - right).abs().max() / right.abs().max()).item<double>(), 0, 1e-5);
        }
    }

    [Fact]
    public void Bytes_do_not_depend_on_the_number_of_threads()
    {
        using var scope = NewDisposeScope();
        manual_seed(2);
        Tensor x = ChannelsLast.Of(randn(3, 64, 5, 7)), form = DoubledProduct.Form(randn(96, 64, 3, 3));
        byte[] With(int threads)
        {
            set_num_threads(threads);
            Tensor sum = ChannelsLast.Of(zeros(3, 96, 10, 14)).clone();
            DoubledProduct.AddTo(sum, form, x, relu: false);
            return sum.Bytes();
        }

        Assert.Equal(With(1), With(3));
    }

    [Fact]
    public void What_is_not_a_number_stays_where_it_can_be_seen()
    {
        using var scope = NewDisposeScope();
        Tensor x = ChannelsLast.Of(zeros(1, 16, 3, 1)).clone(), sum = ChannelsLast.Of(zeros(1, 16, 6, 2)).clone();
        x[0, 4, 0, 0] = float.NaN;
        DoubledProduct.AddTo(sum, DoubledProduct.Form(ones(16, 16, 3, 3)), x, relu: true);
        bool[] seen = sum[0, 9].isnan().flatten().Values<bool>();
        Assert.Equal([true, true, true, true, true, true, false, false, false, false, false, false], seen);
    }

    [Fact]
    public void It_is_for_full_precision_and_vectors_of_16()
    {
        using var scope = NewDisposeScope();
        Tensor map = zeros(2, 64, 3, 3);
        Assert.Equal(MatrixProduct.Suits(16), DoubledProduct.Suits(map, 16));
        Assert.False(DoubledProduct.Suits(map, 20));
        Assert.False(DoubledProduct.Suits(zeros(2, 20, 3, 3), 16));
        Assert.False(DoubledProduct.Suits(map.to(bfloat16), 16));
    }
}
