using UnetResnet.Models;
using UnetResnet.Normalization;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Models;

public class ResNet50EncoderTests
{
    /// <summary>Keras's layers in the order in which its <c>ResNet50</c> function creates them, written out by its own rule.</summary>
    private static List<string> KerasLayers()
    {
        List<string> names = ["conv1", "bn_conv1", "activation_1"];
        int activation = 1;
        foreach ((int stage, string blocks) in new[] { (2, "abc"), (3, "abcd"), (4, "abcdef"), (5, "abc") })
        {
            foreach (char block in blocks)
            {
                string name = $"{stage}{block}_branch";
                names.AddRange([
                    $"res{name}2a", $"bn{name}2a", $"activation_{++activation}",
                    $"res{name}2b", $"bn{name}2b", $"activation_{++activation}",
                    $"res{name}2c", $"bn{name}2c"]);
                if (block == 'a') names.AddRange([$"res{name}1", $"bn{name}1"]);
                names.Add($"activation_{++activation}");
            }
        }

        return names;
    }

    [Fact]
    public void Layers_have_the_names_and_order_of_Keras()
    {
        using var encoder = new ResNet50Encoder(new ResNet50Options { Width = 16 });
        List<string> expected = KerasLayers();
        Assert.Equal("activation_49", expected[^1]);
        Assert.Equal(expected, encoder.named_modules().Select(m => m.name));
    }

    [Fact]
    public void State_keys_are_layer_names_with_the_parameter_names_of_PyTorch()
    {
        using var encoder = new ResNet50Encoder(new ResNet50Options { Width = 16 });
        IEnumerable<string> expected = KerasLayers().Where(name => !name.StartsWith("activation", StringComparison.Ordinal)).SelectMany(name =>
            name.StartsWith("bn", StringComparison.Ordinal)
                ? new[] { $"{name}.weight", $"{name}.bias", $"{name}.running_mean", $"{name}.running_var" }
                : [$"{name}.weight", $"{name}.bias"]);

        var keys = encoder.state_dict().Keys;

        // 53 convolutions with bias and 53 batch norms: the 318 tensors of Keras's weights file.
        Assert.Equal(318, keys.Count);
        Assert.Equal(expected.Order(StringComparer.Ordinal), keys.Order(StringComparer.Ordinal));
        Assert.Equal(expected.Where(key => !key.Contains("running")), encoder.named_parameters().Select(p => p.name));
        Assert.Equal(expected.Where(key => key.Contains("running")), encoder.named_buffers().Select(b => b.name));
    }

    [Fact]
    public void Width_64_has_the_parameters_of_Keras()
    {
        using var encoder = new ResNet50Encoder();
        long parameters = encoder.parameters().Sum(p => p.numel()), statistics = encoder.buffers().Sum(b => b.numel());
        Assert.Equal(23_587_712, parameters + statistics);
        Assert.Equal(53_120, statistics);
    }

    [Fact]
    public void The_top_of_Keras_adds_2049000()
    {
        using var encoder = new ResNet50Encoder(new ResNet50Options { IncludeTop = true });
        // Keras's summary of the whole ResNet50: 25,636,712.
        Assert.Equal(25_636_712, encoder.parameters().Concat(encoder.buffers()).Sum(t => t.numel()));
        Assert.Equal("fc1000", encoder.named_modules().Last().name);
    }

    [Fact]
    public void Convolutions_have_biases_and_batch_norm_the_epsilon_of_Keras()
    {
        using var encoder = new ResNet50Encoder(new ResNet50Options { Width = 16 });
        var convolutions = encoder.modules().OfType<TorchSharp.Modules.Conv2d>().ToList();
        Assert.Equal(53, convolutions.Count);
        Assert.All(convolutions, c => Assert.NotNull(c.bias));
        Assert.Equal(53, encoder.BatchNormLayers().Count);
        Assert.All(encoder.BatchNormLayers(), l => Assert.Equal(1e-3, l.Layer.Options.Eps));
        // Trap: channel counts that are no multiples of 16 make NaN. Only the picture's 3 are exempt.
        Assert.All(convolutions, c => Assert.Equal(0, c.weight!.shape[0] % 16));
        Assert.All(convolutions.Skip(1), c => Assert.Equal(0, c.weight!.shape[1] % 16));
        Assert.All(convolutions, c => Assert.Equal([1, 1], c.weight!.shape[2] == 7 ? [1, 1] : c.stride));
    }

    /// <summary>Keras's initialisation: uniform up to ±√(6 / (fan-in + fan-out)), a fan being the channels times the places of the window; biases zero.</summary>
    [Fact]
    public void Kernels_are_Glorot_uniform_and_biases_zero()
    {
        manual_seed(6);
        using var encoder = new ResNet50Encoder(new ResNet50Options { Width = 16, IncludeTop = true, Classes = 100 });
        var state = encoder.state_dict();
        foreach ((string name, Tensor kernel) in state.Where(s => s.Value.dim() is 2 or 4))
        {
            using var scope = NewDisposeScope();
            long places = kernel.dim() == 4 ? kernel.shape[2] * kernel.shape[3] : 1;
            double bound = Math.Sqrt(6.0 / (places * (kernel.shape[0] + kernel.shape[1]))), n = kernel.numel();
            Tensor values = kernel.detach().to(float64);
            Assert.True(values.abs().max().item<double>() <= bound * (1 + 1e-6), name);
            // Five standard errors; that of a uniform distribution's deviation is √(0.8 / 4n) of it.
            Assert.Equal(bound / Math.Sqrt(3), values.std().item<double>(), 5 * bound / Math.Sqrt(3) * Math.Sqrt(0.2 / n));
            Assert.Equal(0, state[name.Replace(".weight", ".bias")].abs().max().item<float>());
        }
    }

    [Theory]
    [InlineData(16)]
    [InlineData(32)]
    public void Features_are_the_outputs_of_the_skip_taps(int width)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var encoder = new ResNet50Encoder(new ResNet50Options { Width = width });
        encoder.eval();
        var outputs = new Dictionary<string, Tensor>();
        foreach ((string name, Module module) in encoder.named_modules())
        {
            if (module is not Module<Tensor, Tensor> layer || !ResNet50Encoder.SkipTaps.Contains(name)) continue;
            layer.register_forward_hook((_, _, output) =>
            {
                outputs[name] = output.clone().MoveToOuterDisposeScope().MoveToOuterDisposeScope();
                return output;
            });
        }

        Tensor[] features = encoder.Features(randn(2, 3, 64, 96));

        Assert.Equal(["activation_1", "activation_10", "activation_22", "activation_40", "activation_49"], ResNet50Encoder.SkipTaps);
        Assert.Equal([width, 4 * width, 8 * width, 16 * width, 32 * width], encoder.FeatureChannels);
        for (int i = 0; i < 5; i++)
        {
            Assert.Equal([2, encoder.FeatureChannels[i], 64 >> (i + 1), 96 >> (i + 1)], features[i].shape);
            Assert.True(features[i].equal(outputs[ResNet50Encoder.SkipTaps[i]]).all().item<bool>());
        }
    }

    /// <summary>By hand: ⌈n/2⌉ five times. 75 → 38, 19, 10, 5, 3; 33 → 17, 9, 5, 3, 2.</summary>
    [Theory]
    [InlineData(ConvolutionPadding.Same)]
    [InlineData(ConvolutionPadding.Symmetric)]
    public void Odd_sides_are_rounded_up(ConvolutionPadding padding)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var encoder = new ResNet50Encoder(new ResNet50Options { Width = 16, Padding = padding });
        encoder.eval();
        Tensor[] features = encoder.Features(zeros(1, 3, 75, 33));
        Assert.Equal([38, 19, 10, 5, 3], features.Select(f => f.shape[2]));
        Assert.Equal([17, 9, 5, 3, 2], features.Select(f => f.shape[3]));
    }

    [Fact]
    public void Pooling_and_top_give_vectors()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        Tensor images = randn(2, 3, 64, 64);
        Tensor Run(ResNet50Options options, out Tensor map)
        {
            using var encoder = new ResNet50Encoder(options);
            KeyedNumbers.Fill(encoder);
            encoder.eval();
            map = encoder.Features(images)[^1];
            return encoder.call(images);
        }

        Tensor maps = Run(new ResNet50Options { Width = 16 }, out Tensor last);
        Assert.True(maps.equal(last).all().item<bool>());
        Tensor average = Run(new ResNet50Options { Width = 16, Pooling = "avg" }, out last);
        Assert.Equal([2, 512], average.shape);
        Assert.True(average.allclose(last.sum([2, 3]) / 4, rtol: 1e-5));
        Tensor maximum = Run(new ResNet50Options { Width = 16, Pooling = "max" }, out last);
        Assert.True(maximum.equal(last.flatten(2).max(2).values).all().item<bool>());
        Assert.Equal([2, 7], Run(new ResNet50Options { Width = 16, IncludeTop = true, Classes = 7 }, out _).shape);
    }

    [Fact]
    public void The_top_is_linear_in_the_average_of_the_last_map()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var encoder = new ResNet50Encoder(new ResNet50Options { Width = 16, IncludeTop = true, Classes = 3 });
        encoder.eval();
        Tensor images = randn(2, 3, 64, 64);
        var state = encoder.state_dict();
        Tensor expected = encoder.Features(images)[^1].mean([2, 3]).matmul(state["fc1000.weight"].t()) + state["fc1000.bias"];
        Assert.True(encoder.call(images).allclose(expected, rtol: 1e-4, atol: 1e-5));
    }

    [Theory]
    [InlineData(1, 1, 64, 64)]
    [InlineData(3, 64, 64)]
    public void Other_shapes_than_colour_images_are_refused(params long[] shape)
    {
        using var scope = NewDisposeScope();
        using var encoder = new ResNet50Encoder(new ResNet50Options { Width = 16 });
        var e = Assert.Throws<ArgumentException>(() => encoder.Features(zeros(shape)));
        Assert.Contains("(N, 3, H, W)", e.Message);
        Assert.Contains($"({string.Join(", ", shape)})", e.Message);
    }

    [Fact]
    public void Nothing_but_the_features_is_left_alive()
    {
        using var scope = NewDisposeScope();
        using var encoder = new ResNet50Encoder(new ResNet50Options { Width = 16 });
        encoder.eval();
        Tensor images = zeros(1, 3, 32, 32);
        long before = scope.DisposablesCount;
        Tensor[] features = encoder.Features(images);
        Assert.Equal(before + features.Length, scope.DisposablesCount);
    }
}
