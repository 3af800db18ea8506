using BenchmarkDotNet.Attributes;
using UnetResnet.Models.Products;
using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Benchmarks;

/// <summary>Convolutions of large kernels over few pixels, forward and both gradients, by oneDNN and as products of matrices.</summary>
public class LargeKernels
{
    private readonly NativeMemory memory = new();
    private Tensor? map, kernel, bias, direction;

    /// <summary>Channels of the map and of the result, side of the map, side of the window; 8 images.</summary>
    [Params("512>512, 4x4, 3x3", "1024>256, 8x8, 3x3", "2048>512, 4x4, 1x1")]
    public string Shape { get; set; } = "";

    [GlobalSetup]
    public void Make()
    {
        int[] n = [.. Shape.Split([' ', 'x', '>', ','], StringSplitOptions.RemoveEmptyEntries).Select(int.Parse)];
        (int inputs, int outputs, int side, int window) = (n[0], n[1], n[2], n[4]);
        TorchRuntime.Initialize(seed: 1);
        map = ChannelsLast.Of(randn(8, inputs, side, side)).requires_grad_();
        kernel = randn(outputs, inputs, window, window).requires_grad_();
        bias = randn(outputs).requires_grad_();
        direction = ChannelsLast.Of(randn(8, outputs, side, side));
    }

    [GlobalCleanup]
    public void Free() => memory.Dispose();

    [Benchmark(Baseline = true, Description = "oneDNN")]
    public void Direct() => Step(() => functional.conv2d(map!, kernel!, bias, padding: [kernel!.shape[2] / 2, kernel.shape[2] / 2]));

    [Benchmark(Description = "product of matrices")]
    public void Product() => Step(() => ProductConvolution.Apply(map!, kernel!, bias));

    private void Step(Func<Tensor> convolve)
    {
        using var scope = NewDisposeScope();
        autograd.grad([convolve()], [map!, kernel!, bias!], [direction!]);
    }
}
