using System.Text.Json;
using UnetResnet.Models;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Models;

/// <summary>
/// The network against an independent implementation in PyTorch and float64, <c>tests/golden/keras_resnet50.py</c>, which says why it can be trusted.
/// </summary>
public class GoldenValuesTests : ManyThreadsTest
{
    private static readonly JsonSerializerOptions Web = new(JsonSerializerDefaults.Web) { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    private static readonly Case[] Cases = Load();

    // float32 carries 7 digits; some hundred layers and sums over up to 18,432 products (3×3×2048) leave at least 4 of them.
    private const double Tolerance = 1e-4;

    [Theory]
    [InlineData(16, ConvolutionPadding.Same, 64, 96)]
    [InlineData(16, ConvolutionPadding.Same, 75, 53)]
    [InlineData(16, ConvolutionPadding.Symmetric, 64, 96)]
    [InlineData(16, ConvolutionPadding.Symmetric, 75, 53)]
    [InlineData(64, ConvolutionPadding.Same, 64, 96)]
    [InlineData(64, ConvolutionPadding.Same, 75, 53)]
    [InlineData(64, ConvolutionPadding.Symmetric, 64, 96)]
    [InlineData(64, ConvolutionPadding.Symmetric, 75, 53)]
    public void Network_equals_the_independent_implementation(int width, ConvolutionPadding padding, int height, int breadth)
    {
        Case golden = Cases.Single(c => c.Width == width && c.Padding == padding.ToString().ToLowerInvariant() && c.Height == height && c.Breadth == breadth);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var options = new UNetOptions { Encoder = new ResNet50Options { Width = width, Padding = padding } };
        using var encoder = new ResNet50Encoder(options.Encoder);
        KeyedNumbers.Fill(encoder);
        encoder.eval();

        Tensor[] features = encoder.Features(KeyedNumbers.Of("images", [2, 3, height, breadth], 0, Math.Sqrt(3)));

        Assert.Equal(5, features.Length);
        foreach ((Golden expected, Tensor actual, string name) in golden.Features.Zip(features, ResNet50Encoder.SkipTaps)) Compare(expected, actual, name);
        if (golden.Logits is not null) Compare(golden.Logits, Decode(features, options), "logits");
        if (golden.LogitsNoBn is not null) Compare(golden.LogitsNoBn, Decode(features, options with { DecoderBatchNorm = false }), "logits without batch norm");
    }

    /// <summary>The comparison would notice: paddings differ on even sides by far more than the tolerance.</summary>
    [Fact]
    public void Golden_values_tell_the_paddings_apart()
    {
        Case same = Cases.First(c => c is { Width: 16, Padding: "same", Height: 64 }), symmetric = Cases.First(c => c is { Width: 16, Padding: "symmetric", Height: 64 });
        foreach ((Golden a, Golden b) in same.Features.Zip(symmetric.Features))
            Assert.True(a.Elements.Keys.Max(i => Math.Abs(a.Elements[i] - b.Elements[i])) > 100 * Tolerance * a.RootMeanSquare);
    }

    private static Tensor Decode(Tensor[] features, UNetOptions options)
    {
        using var decoder = new UNetDecoder(options);
        KeyedNumbers.Fill(decoder);
        decoder.eval();
        return decoder.call(features);
    }

    private static void Compare(Golden expected, Tensor actual, string name)
    {
        Assert.Equal(expected.Shape, actual.shape);
        Tensor flat = actual.flatten().to(float64);
        Near(expected.Norm, flat.norm().item<double>(), expected.Norm, $"{name}: norm");
        // A sum of n numbers of size rms, some of them negative, is known to n · rms · tolerance.
        Near(expected.Sum, flat.sum().item<double>(), flat.numel() * expected.RootMeanSquare, $"{name}: sum");
        foreach ((string index, double value) in expected.Elements)
            Near(value, flat[long.Parse(index)].item<double>(), expected.RootMeanSquare, $"{name}[{index}]");
    }

    private static void Near(double expected, double actual, double size, string what) =>
        Assert.True(Math.Abs(expected - actual) <= Tolerance * size, $"{what}: {actual} instead of {expected}, off by {Math.Abs(expected - actual) / size:e1} of {size:g4}");

    private static Case[] Load()
    {
        using Stream json = typeof(GoldenValuesTests).Assembly.GetManifestResourceStream("keras_resnet50.json")!;
        return JsonSerializer.Deserialize<Case[]>(json, Web)!;
    }

    private sealed record Case(int Width, string Padding, int Height, int Breadth, Golden[] Features, Golden? Logits, Golden? LogitsNoBn);

    private sealed record Golden(long[] Shape, double Sum, double Norm, Dictionary<string, double> Elements)
    {
        public double RootMeanSquare => Norm / Math.Sqrt(Shape.Aggregate(1L, (a, b) => a * b));
    }
}
