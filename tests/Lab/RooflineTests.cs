using UnetResnet.Lab.Benchmarks;
using UnetResnet.Normalization;
using UnetResnet.Notebooks;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Lab;

public class RooflineTests
{
    [Fact]
    public void Operations_and_bytes_are_those_counted_by_hand()
    {
        using var convolution = Conv2d(16, 32, 3, padding: 1);
        // 2·5·7 pixels of 32 channels, each 16·9 products and as many additions, the last of them that of the bias.
        LayerWork work = LayerWork.Of("a", convolution, [2, 16, 5, 7], [2, 32, 5, 7])!;
        Assert.Equal(("3×3 convolution", 2 * 32 * 35 * (2L * 16 * 9 + 1), 4L * (2 * 16 * 35 + 2 * 32 * 35 + 32 * 16 * 9 + 32)), (work.Kind, work.Flop, work.Bytes));
        Assert.Equal((double)work.Flop / work.Bytes, work.Intensity);

        using var strided = Conv2d(16, 16, 1, stride: 2, bias: false);
        work = LayerWork.Of("b", strided, [1, 16, 8, 8], [1, 16, 4, 4])!;
        Assert.Equal(("1×1 convolution", 2L * 16 * 16 * 16, 4L * (16 * 64 + 16 * 16 + 16 * 16)), (work.Kind, work.Flop, work.Bytes));

        using var grouped = Conv2d(16, 16, 3, groups: 16, bias: false);
        Assert.Equal(2L * 16 * 9, LayerWork.Of("c", grouped, [1, 16, 3, 3], [1, 16, 1, 1])!.Flop);

        using var linear = Linear(10, 3);
        Assert.Equal(("linear", 4 * (2L * 3 * 10 + 3), 4L * (40 + 12 + 30 + 3)), (LayerWork.Of("d", linear, [4, 10], [4, 3])!.Kind, LayerWork.Of("d", linear, [4, 10], [4, 3])!.Flop, LayerWork.Of("d", linear, [4, 10], [4, 3])!.Bytes));

        using var norm = new ModalBatchNorm2d(16);
        Assert.Equal((2L * 320, 4L * (640 + 64)), (LayerWork.Of("e", norm, [2, 16, 2, 5], [2, 16, 2, 5])!.Flop, LayerWork.Of("e", norm, [2, 16, 2, 5], [2, 16, 2, 5])!.Bytes));
        using var dropout = Dropout2d();
        Assert.Null(LayerWork.Of("f", dropout, [1], [1]));
    }

    [Theory]
    [InlineData(1, 10)] // memory is the limit
    [InlineData(10, 100)]
    [InlineData(50, 200)] // arithmetic is
    public void The_roof_is_the_lower_of_the_two_limits(double intensity, double roof) => Assert.Equal(roof, LayerRate.Roof(intensity, 200, 10));

    [Fact]
    public void Every_convolution_of_the_network_is_counted_and_drawn()
    {
        RooflineResult result = RooflineBenchmark.Layers(width: 16, side: 32, batch: 2, rounds: 1);
        // 53 of the encoder, 10 of the decoder, the prediction.
        Assert.Equal(64, result.Layers.Count(layer => layer.Kind.EndsWith("convolution", StringComparison.Ordinal)));
        Assert.Equal(63, result.Layers.Count(layer => layer.Kind == "batch norm"));
        // conv1: 7×7×3 to 16 channels on 16×16.
        LayerRate first = result.Layers.Single(layer => layer.Name == "encoder.conv1");
        Assert.Equal(2 * 16 * 16 * 16 * (2L * 49 * 3 + 1), first.Flop);
        Assert.Equal(result.Layers.Sum(layer => layer.Flop) / 1e9, result.NetworkGflop, 1e-9);
        Assert.All(result.Layers, layer => Assert.True(layer.Ms > 0 && layer.Gflops > 0 && layer.RoofGflops > 0, layer.Name));
        byte[] png = ChartPicture.Png(RooflineChart.Of(result));
        Assert.True(png.Length > 10_000);
    }
}
