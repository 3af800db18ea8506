using UnetResnet.Models.Products;
using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Models.Products;

/// <summary>Convolutions as products of matrices against libtorch's in double precision.</summary>
public class ProductConvolutionTests : ManyThreadsTest
{
    private const double Tolerance = 1e-5;

    [Theory]
    [InlineData(1, 1, 16, 16, 1, 1)]
    [InlineData(1, 2, 32, 48, 5, 7)]
    [InlineData(1, 3, 1040, 64, 3, 3)]
    [InlineData(1, 1, 48, 512, 9, 2)]
    [InlineData(3, 1, 16, 16, 1, 1)] // nothing but borders
    [InlineData(3, 2, 32, 48, 5, 7)]
    [InlineData(3, 3, 64, 32, 1, 4)]
    [InlineData(3, 2, 128, 96, 4, 4)]
    public void Results_and_gradients_are_those_of_the_plain_convolution(int window, int batch, int channels, int filters, int height, int width)
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        Tensor x = randn(batch, channels, height, width), kernel = randn(filters, channels, window, window), bias = randn(filters), direction = randn(batch, filters, height, width);
        Tensor[] Step(ScalarType type, Func<Tensor, Tensor, Tensor, Tensor> compute)
        {
            Tensor[] given = [.. new[] { x, kernel, bias }.Select(one => one.to(type, copy: true).requires_grad_())];
            Tensor result = compute(given[0], given[1], given[2]);
            result.backward([direction.to(type)]);
            return [result, .. given.Select(one => one.grad!)];
        }

        Tensor[] wanted = Step(float64, (a, b, c) => functional.conv2d(a, b, c, padding: [window / 2, window / 2])), got = Step(float32, (a, b, c) => ProductConvolution.Apply(a, b, c));
        Assert.All(wanted.Zip(got), pair => Close(pair.First, pair.Second));
        using var noGrad = no_grad();
        Close(functional.conv2d(x, kernel, padding: [window / 2, window / 2]), ProductConvolution.Apply(x, kernel, null));
    }

    /// <summary>Only what is wanted, of a part of a kernel too.</summary>
    [Theory]
    [InlineData(true, false, false)]
    [InlineData(false, true, false)]
    [InlineData(false, false, true)]
    [InlineData(true, true, true)]
    public void Gradients_are_computed_where_they_are_wanted(bool ofMap, bool ofKernel, bool ofBias)
    {
        using var scope = NewDisposeScope();
        Tensor?[] Step(Func<Tensor, Tensor, Tensor, Tensor> compute)
        {
            manual_seed(2);
            Tensor x = randn(2, 32, 3, 5).requires_grad_(ofMap), kernel = randn(16, 80, 3, 3).requires_grad_(ofKernel), bias = randn(16).requires_grad_(ofBias);
            Tensor result = compute(x, kernel.narrow(1, 16, 32), bias);
            result.backward([randn(2, 16, 3, 5)]);
            return [result, x.grad, kernel.grad, bias.grad];
        }

        Tensor?[] wanted = Step((x, kernel, bias) => functional.conv2d(x, kernel, bias, padding: [1, 1])), got = Step(ProductConvolution.Apply);
        Assert.Equal([true, ofMap, ofKernel, ofBias], got.Select(one => one is not null));
        Assert.All(wanted.Zip(got), pair => { if (pair.First is not null) Close(pair.First, pair.Second!); });
    }

    [Fact]
    public void Bytes_do_not_depend_on_the_number_of_threads()
    {
        using var scope = NewDisposeScope();
        manual_seed(3);
        Tensor x = randn(3, 64, 11, 7), kernel = randn(96, 64, 3, 3), bias = randn(96), direction = randn(3, 96, 11, 7);
        byte[][] Step(int threads)
        {
            set_num_threads(threads);
            Tensor[] given = [.. new[] { x, kernel, bias }.Select(one => one.clone().requires_grad_())];
            Tensor result = ProductConvolution.Apply(given[0], given[1], given[2]);
            result.backward([direction]);
            return [result.Bytes(), given[0].grad!.Bytes(), given[1].grad!.Bytes()];
        }

        Assert.Equal(Step(1), Step(3));
    }

    [Fact]
    public void What_is_not_a_number_stays_where_it_can_be_seen()
    {
        using var scope = NewDisposeScope();
        Tensor x = zeros(1, 16, 3, 3), kernel = ones(16, 16, 3, 3);
        x[0, 4, 0, 0] = float.NaN;
        bool[] seen = ProductConvolution.Apply(x, kernel, null)[0, 7].isnan().flatten().Values<bool>();
        Assert.Equal([true, true, false, true, true, false, false, false, false], seen);
    }

    [Fact]
    public void It_is_for_large_kernels_over_few_pixels()
    {
        using var scope = NewDisposeScope();
        Tensor map = zeros(8, 512, 4, 4), kernel = zeros(1024, 512, 1, 1);
        Assert.Equal(MatrixProduct.Suits(16), ProductConvolution.Suits(map, kernel));
        Assert.Equal(MatrixProduct.Suits(16), ProductConvolution.Suits(map, zeros(256, 512, 3, 3)));
        Assert.False(ProductConvolution.Suits(zeros(8, 512, 16, 16), kernel)); // many pixels
        Assert.False(ProductConvolution.Suits(zeros(1, 512, 2, 2), kernel)); // few products
        Assert.False(ProductConvolution.Suits(map, zeros(1000, 512, 1, 1))); // vectors of 16
        Assert.False(ProductConvolution.Suits(map, zeros(256, 512, 5, 5)));
        Assert.False(ProductConvolution.Suits(map.to(float64), kernel.to(float64)));
        Assert.False(ProductConvolution.Suits(map.to(bfloat16), kernel));
    }

    private static void Close(Tensor wanted, Tensor got)
    {
        Assert.Equal(wanted.shape, got.shape);
        Assert.InRange(((got - wanted).abs().max() / wanted.abs().max()).to(float64).item<double>(), 0, Tolerance);
    }
}
