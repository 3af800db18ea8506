using TorchSharp.Modules;
using UnetResnet.Models;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Models;

public class UNetDecoderTests
{
    private static readonly UNetOptions Width16 = new() { Encoder = new ResNet50Options { Width = 16 } };

    [Theory]
    [InlineData(64, new[] { 256, 192, 128, 64, 32 })]
    [InlineData(16, new[] { 64, 48, 32, 16, 16 })]
    [InlineData(32, new[] { 128, 96, 64, 32, 16 })]
    [InlineData(48, new[] { 192, 144, 96, 48, 32 })]
    public void Filters_scale_with_the_width_in_multiples_of_16(int width, int[] filters) =>
        Assert.Equal(filters, new UNetOptions { Encoder = new ResNet50Options { Width = width } }.DecoderFilters);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Layers_have_the_names_and_order_of_the_question(bool withBatchNorm)
    {
        using var decoder = new UNetDecoder(Width16 with { DecoderBatchNorm = withBatchNorm });
        List<string> expected = [];
        foreach (string stage in new[] { "conv6", "conv7", "conv8", "conv9", "conv10" })
        {
            foreach (string half in new[] { "1", "2" })
            {
                expected.Add($"{stage}_{half}_conv");
                if (withBatchNorm) expected.Add($"{stage}_{half}_bn");
                expected.Add($"{stage}_{half}_activation");
            }
        }

        expected.AddRange(["spatial_dropout2d", "prediction"]);
        Assert.Equal(expected, decoder.named_modules().Select(m => m.name));
    }

    /// <summary>Inputs of the first convolution of a stage: what comes from below, and the skip's channels; the last stage has no skip.</summary>
    [Fact]
    public void Convolutions_take_what_upsampling_and_skip_give()
    {
        using var decoder = new UNetDecoder(new UNetOptions());
        var kernels = decoder.state_dict().Where(s => s.Key.EndsWith("_conv.weight", StringComparison.Ordinal)).Select(s => (s.Value.shape[1], s.Value.shape[0]));
        Assert.Equal(
            [(2048 + 1024, 256), (256, 256), (256 + 512, 192), (192, 192), (192 + 256, 128), (128, 128), (128 + 64, 64), (64, 64), (64, 32), (32, 32)],
            kernels);
    }

    /// <summary>Keras 2.1's <c>he_normal</c>: σ = √(2 / fan-in), cut at 2σ. What is left has the standard deviation 0.87962566 σ.</summary>
    [Fact]
    public void Kernels_are_He_normal_and_truncated()
    {
        manual_seed(5);
        using var decoder = new UNetDecoder(Width16);
        foreach ((string name, Tensor weight) in decoder.state_dict().Where(s => s.Key.EndsWith("_conv.weight", StringComparison.Ordinal)))
        {
            using var scope = NewDisposeScope();
            double sigma = Math.Sqrt(2.0 / (weight.shape[1] * 9)), n = weight.numel();
            Tensor values = weight.detach().to(float64);
            Assert.True(values.abs().max().item<double>() <= 2 * sigma * (1 + 1e-6), name);
            // Cut, not clamped: nothing piles up at the border.
            Assert.True(values.abs().ge(2 * sigma * (1 - 1e-6)).sum().item<long>() <= 1, name);
            // Five standard errors: σ/√n of the mean, and about 0.6 σ/√n of the deviation (the cut normal has light tails).
            Assert.Equal(0, values.mean().item<double>(), 5 * sigma / Math.Sqrt(n));
            Assert.Equal(0.87962566 * sigma, values.std().item<double>(), 5 * 0.6 * sigma / Math.Sqrt(n));
        }
    }

    [Fact]
    public void The_prediction_is_Glorot_uniform_and_biases_are_zero()
    {
        using var decoder = new UNetDecoder(Width16);
        var state = decoder.state_dict();
        Assert.Equal([1, 16, 1, 1], state["prediction.weight"].shape);
        Assert.InRange(state["prediction.weight"].abs().max().item<float>(), 0.2, Math.Sqrt(6.0 / (16 + 1)));
        Assert.All(state.Where(s => s.Key.EndsWith(".bias", StringComparison.Ordinal)), s => Assert.Equal(0, s.Value.abs().max().item<float>()));
    }

    [Theory]
    [InlineData(0.2)]
    [InlineData(0.5)]
    [InlineData(0.0)]
    public void Dropout_takes_whole_channels_at_its_rate(double rate)
    {
        using var scope = NewDisposeScope();
        manual_seed(3);
        using var decoder = new UNetDecoder(Width16 with { SpatialDropout = rate });
        var dropout = (Dropout2d)decoder.named_modules().Single(m => m.name == "spatial_dropout2d").module;

        Tensor dropped = dropout.call(ones(2000, 16, 2, 2));

        Tensor channels = dropped.mean([2, 3]);
        // All or nothing, and what stays is scaled up so that the mean stays.
        Assert.True(channels.eq(0).logical_or((channels - 1 / (1 - rate)).abs().lt(1e-5)).all().item<bool>());
        // Five standard errors of a share of 32,000.
        Assert.Equal(rate, channels.eq(0).to(float64).mean().item<double>(), 5 * Math.Sqrt(rate * (1 - rate) / 32_000) + 1e-12);
        decoder.eval();
        Assert.Equal(1, dropout.call(ones(1, 16, 2, 2)).min().item<float>());
    }

    [Fact]
    public void The_seeds_rate_is_the_default() => Assert.Equal(0.2, new UNetOptions().SpatialDropout);

    [Theory]
    [InlineData(1.0)]
    [InlineData(-0.1)]
    [InlineData(double.NaN)]
    public void Impossible_dropout_rates_are_refused(double rate) =>
        Assert.Contains("below 1", Assert.Throws<ArgumentOutOfRangeException>(() => new UNetDecoder(Width16 with { SpatialDropout = rate })).Message);

    [Theory]
    [InlineData(0, false)]
    [InlineData(1, true)]
    [InlineData(255, true)]
    [InlineData(256, false)]
    public void There_are_1_to_255_classes(int classes, bool allowed)
    {
        UNetOptions options = Width16 with { Classes = classes };
        if (allowed) Assert.Same(options, options.Validate());
        else Assert.Contains("2 to 255", Assert.Throws<ArgumentOutOfRangeException>(() => options.Validate()).Message);
    }

    [Fact]
    public void Foreign_feature_maps_are_refused()
    {
        using var scope = NewDisposeScope();
        using var decoder = new UNetDecoder(Width16);
        var e = Assert.Throws<ArgumentException>(() => decoder.call([.. new[] { 16, 64, 128, 256, 256 }.Select(c => zeros(1, c, 2, 2))]));
        Assert.Contains("16, 64, 128, 256, 512", e.Message);
        Assert.Contains("16, 64, 128, 256, 256", e.Message);
        Assert.Throws<ArgumentException>(() => decoder.call([zeros(1, 16, 2, 2)]));
    }

    [Theory]
    [InlineData(true, null)]
    [InlineData(false, "avg")]
    public void An_encoder_with_top_or_pooling_has_no_maps_for_it(bool top, string? pooling)
    {
        var e = Assert.Throws<ArgumentException>(() => new UNetResNet50(new UNetOptions { Encoder = new ResNet50Options { IncludeTop = top, Pooling = pooling } }));
        Assert.Contains("neither top nor pooling", e.Message);
    }

    /// <summary>What follows the last convolution is one operation, unless somebody watches a part of it: a hook sees what it should, and the pass is the same, with the same dropout.</summary>
    [Theory]
    [InlineData("spatial_dropout2d", true)]
    [InlineData("prediction", true)]
    [InlineData("spatial_dropout2d", false)]
    [InlineData("prediction", false)]
    public void A_hook_on_the_end_is_called_and_changes_nothing(string name, bool gradients)
    {
        using var scope = NewDisposeScope();
        TorchRuntime.Seed(4);
        using var decoder = new UNetDecoder(Width16);
        Tensor[] features = [.. new[] { (16, 96), (64, 48), (128, 24), (256, 12), (512, 6) }.Select(map => ChannelsLast.Of(randn(3, map.Item1, map.Item2, map.Item2)))];
        (Tensor Logits, Dictionary<string, Tensor> Gradients) Pass()
        {
            TorchRuntime.Seed(5);
            using IDisposable? noGrad = gradients ? null : no_grad();
            Tensor logits = decoder.call(features);
            if (!gradients) return (logits, []);
            foreach ((_, Parameter parameter) in decoder.named_parameters()) parameter.grad = null;
            logits.square().mean().backward();
            return (logits.detach(), decoder.named_parameters().ToDictionary(p => p.name, p => p.parameter.grad!.clone()));
        }

        var (logits, direct) = Pass();
        int calls = 0;
        foreach (var module in decoder.named_modules().Where(m => m.name == name).Select(m => m.module))
        {
            if (module is Dropout2d dropout) dropout.register_forward_hook((_, _, output) => Seen(output));
            if (module is Conv2d convolution) convolution.register_forward_hook((_, _, output) => Seen(output));
        }

        Tensor Seen(Tensor output)
        {
            calls++;
            return output;
        }

        var (watched, apart) = Pass();
        Assert.Equal(1, calls);
        Assert.InRange(Error(watched, logits), 0, 1e-5);
        Assert.Equal(apart.Keys.Order(), direct.Keys.Order());
        // What a bias adds, batch norm takes away: its gradient is rounding alone.
        Assert.All(apart.Where(gradient => !gradient.Key.EndsWith("_conv.bias", StringComparison.Ordinal)), gradient => Assert.InRange(Error(gradient.Value, direct[gradient.Key]), 0, 1e-4));
    }

    private static double Error(Tensor wanted, Tensor got) => ((got - wanted).abs().max() / wanted.abs().max().clamp_min(1e-6)).item<float>();
}
