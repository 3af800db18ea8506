using TorchSharp.Modules;
using UnetResnet.Models.Products;
using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Models;

/// <summary>
/// A 3×3 convolution over the concatenation of a small map, doubled by nearest upsampling, and a large one, without ever making the doubled map or the concatenation:
/// the kernel is split, the large map is convolved as it is, the small one at its own size, and the two are added.
/// </summary>
/// <remarks>
/// Nearest upsampling puts every pixel into an otherwise empty grid and sums windows of 2×2. Sums and convolution may change places. So the small map is convolved
/// first (one product for each of its pixels and each place of the kernel, which a transposed convolution of stride 2 puts where they belong) and the windows are summed
/// afterwards: 9 products for four pixels of the output, where four 2×2 phase kernels have 16 and the doubled map 36. The backward pass has the same shares.
/// </remarks>
internal static class UpsampledConvolution
{
    /// <summary>
    /// A transposed convolution turns its kernel round more than once, which costs as much as the kernel is large; a matrix product does it once, but what comes out must be
    /// put into its places by a slower step. The product pays where the kernel has so many times more numbers per channel of the output than the map has pixels.
    /// </summary>
    private const long KernelsPerPixel = 16;

    /// <summary>The convolution.</summary>
    /// <param name="convolution">3×3, stride 1, padding 1, for the channels of both maps.</param>
    /// <param name="small">(N, C, H, W), channels last.</param>
    /// <param name="large">(N, D, 2H, 2W), channels last, or null.</param>
    /// <returns>(N, F, 2H, 2W), owned by the caller.</returns>
    internal static Tensor Apply(Conv2d convolution, Tensor small, Tensor? large)
    {
        using var scope = NewDisposeScope();
        Tensor kernel = convolution.weight!;
        Tensor? bias = convolution.bias?.As(small);
        if (large is null)
        {
            Tensor doubled = Doubled(small, kernel);
            return (bias is null ? doubled : doubled.add_(bias.view(1, -1, 1, 1), One)).MoveToOuterDisposeScope();
        }

        Tensor[] kernels = kernel.split([small.shape[1], large.shape[1]], dim: 1);
        Tensor sum = ProductConvolution.Suits(large, kernels[1]) ? ProductConvolution.Apply(large, kernels[1], bias) : functional.conv2d(large, kernels[1].As(large), bias, padding: [1, 1]);
        return sum.add_(Doubled(small, kernels[0]), One).MoveToOuterDisposeScope();
    }

    /// <summary>The convolution of the doubled small map.</summary>
    /// <param name="x">(N, C, H, W), channels last.</param>
    /// <param name="kernel">(F, C, 3, 3), in the precision of the map or in its own.</param>
    /// <returns>(N, F, 2H, 2W), owned by the caller's dispose scope.</returns>
    // Without a bias: oneDNN adds that of a transposed convolution in plain code, which takes several times as long as the products.
    internal static Tensor Doubled(Tensor x, Tensor kernel)
    {
        long pixels = x.shape[0] * x.shape[2] * x.shape[3];
        Tensor grid = kernel.shape[1] * 9 >= KernelsPerPixel * pixels
            ? Products(x, kernel)
            : functional.conv_transpose2d(x, kernel.As(x).flip(2, 3).transpose(0, 1), strides: [2, 2]);
        return functional.avg_pool2d(grid, 2L, stride: 1L, divisor_override: 1);
    }

    /// <summary>The transposed convolution as one matrix product, which is a 1×1 convolution, and its results put into the grid.</summary>
    private static Tensor Products(Tensor x, Tensor kernel)
    {
        (long n, long channels, long height, long width, long filters) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3], kernel.shape[0]);
        Tensor matrix = kernel.permute(0, 2, 3, 1).reshape(filters * 9, channels), points = matrix.view(filters * 9, channels, 1, 1), full = x.to(kernel.dtype);
        // Of a map in bfloat16 too: there are fewer numbers to convert in the map than in the kernel.
        Tensor map = ProductConvolution.Suits(full, points)
            ? ProductConvolution.Apply(full, points, null).permute(0, 2, 3, 1).to(x.dtype)
            : x.permute(0, 2, 3, 1).reshape(n, height * width, channels).matmul(matrix.As(x).t());
        Tensor products = map.reshape(n, height * width, filters, 3, 3).flip(3, 4);
        Tensor grid = functional.fold(products.view(n, height * width, filters * 9).transpose(1, 2), (2 * height + 1, 2 * width + 1), (3, 3), stride: (2, 2));
        return ChannelsLast.Of(grid);
    }

    /// <summary>Kept alive on purpose: native code may still read a temporary number when a collection frees it.</summary>
    private static readonly TorchSharp.Scalar One = 1;
}
