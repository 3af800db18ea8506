using CsCheck;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using UnetResnet.Tests.Models;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Normalization;

public class FoldingTests
{
    /// <summary>
    /// Equal within 1e-5 of the largest output. Folding is computed in double and rounds each weight and bias once (6e-8); the sums over at most 48·9 products round
    /// √432 · 6e-8 ≈ 1e-6 on average, and a mean of up to three deviations that both sides subtract costs another factor.
    /// </summary>
    [Fact]
    public void A_folded_pair_computes_the_same_for_random_shapes() =>
        Gen.Select(Gen.Int[1, 3], OneOf(3, 16, 48), OneOf(16, 32), OneOf(1, 3, 7), Gen.Int[7, 12], Gen.Bool, Gen.Int[0, 100_000])
            .Sample((images, inputs, outputs, kernel, side, biased, seed) =>
            {
                using var scope = NewDisposeScope();
                TorchRuntime.Seed(seed);
                using Module<Tensor, Tensor> net = Sequential(Conv2d(inputs, outputs, kernel, padding: kernel / 2, bias: biased), new ModalBatchNorm2d(outputs), ReLU());
                Randomise(net);
                var before = Numbers.State(net);
                Tensor x = randn(images, inputs, side, side);
                net.eval();
                Tensor expected = net.call(x);

                FoldingReport report = Folding.Apply(net, x, tolerance: 1e-5);
                Assert.Equal(["1"], report.Folded);
                Assert.Empty(report.Left);
                Tensor actual = net.call(x);
                double error = (actual - expected).abs().max().item<float>() / expected.abs().max().item<float>();
                Assert.InRange(error, 0, 1e-5);
                Assert.Equal(report.LargestRelativeError, error, 1e-7);
                // Training mode has nothing left to switch.
                net.train();
                Assert.Equal(actual.Values(), net.call(x).Values());

                Assert.Equal(1, Folding.Undo(net));
                Assert.Empty(Numbers.Changed(before, Numbers.State(net)));
            }, iter: 60, threads: 1);

    [Fact]
    public void A_whole_network_folds_and_every_byte_comes_back()
    {
        using var scope = NewDisposeScope();
        using UNetResNet50 unet = UNet();
        Tensor images = randn(2, 3, 64, 64);
        unet.Encoder.Freeze(BatchNormMode.Keras213);
        unet.train();
        string before = ModuleState.Describe(unet);
        using Tensor expected = unet.Predict(images);

        FoldingReport report = Folding.Apply(unet, images);
        Assert.Equal(63, report.Folded.Count);
        Assert.Equal("encoder.bn_conv1", report.Folded[0]);
        Assert.Empty(report.Left);
        // 63 layers, one after the other, each with float32's rounding.
        Assert.InRange(report.LargestRelativeError, 0, 1e-4);
        Assert.Empty(unet.BatchNormLayers());
        Assert.All(unet.modules().OfType<ModalBatchNorm2d>(), layer => Assert.Equal("folded", layer.ReplacedBy));
        Assert.True(unet.training);
        using Tensor actual = unet.Predict(images);
        Assert.InRange((actual - expected).abs().max().item<float>(), 0, 1e-4);

        Assert.Equal(63, Folding.Undo(unet));
        Assert.Equal(before, ModuleState.Describe(unet));
        Assert.Equal(0, Folding.Undo(unet));
    }

    [Fact]
    public void A_folded_encoder_cannot_be_woken()
    {
        using var scope = NewDisposeScope();
        using UNetResNet50 unet = UNet();
        Tensor images = randn(2, 3, 32, 32);
        unet.Encoder.Freeze(BatchNormMode.Inference);
        Assert.Equal(53, Folding.Apply(unet, images, only: unet.Encoder).Folded.Count);
        Assert.Equal(10, unet.BatchNormLayers().Count);

        var frozen = Numbers.State(unet.Encoder);
        unet.SetBatchNormMode(BatchNormMode.Trainable);
        using var optimizer = optim.Adam(unet.parameters(), 1e-2);
        unet.train();
        unet.call(images).square().mean().backward();
        optimizer.step();
        Assert.Empty(Numbers.Changed(frozen, Numbers.State(unet.Encoder)));
    }

    [Fact]
    public void Weights_saved_from_a_folded_network_fit_one_that_is_not()
    {
        using var scope = NewDisposeScope();
        using Module<Tensor, Tensor> folded = Pair(), plain = Pair();
        Randomise(folded);
        Tensor images = randn(2, 3, 8, 8);
        Folding.Apply(folded, images);
        plain.load_state_dict(folded.state_dict());
        plain.eval();
        Assert.InRange((plain.call(images) - folded.call(images)).abs().max().item<float>(), 0, 1e-5);
    }

    [Fact]
    public void What_has_no_convolution_before_it_is_left()
    {
        using var scope = NewDisposeScope();
        using Module<Tensor, Tensor> net = Sequential(new ModalBatchNorm2d(3), Conv2d(3, 16, 3), ReLU(), new ModalBatchNorm2d(16), Conv2d(16, 16, 1), new ModalBatchNorm2d(16));
        Randomise(net);
        FoldingReport report = Folding.Apply(net, randn(2, 3, 8, 8));
        Assert.Equal(["5"], report.Folded);
        Assert.Equal(["0", "3"], report.Left);
        // What is folded is not trained any more; all else is.
        Assert.Equal(["4.weight", "4.bias", "5.weight", "5.bias"], net.named_parameters().Where(p => !p.parameter.requires_grad).Select(p => p.name));
        Assert.StartsWith("1 batch-norm layers folded, 2 left (0, 3); largest relative error", report.ToString());
    }

    [Fact]
    public void What_cannot_be_folded_is_refused_and_nothing_is_changed()
    {
        using var scope = NewDisposeScope();
        Tensor images = randn(2, 3, 8, 8);
        using Module<Tensor, Tensor> net = Pair(), bare = Sequential(Conv2d(3, 16, 1), ReLU());
        Randomise(net);
        Assert.Contains("nothing to fold", Assert.Throws<ArgumentException>("model", () => Folding.Apply(bare, images)).Message);

        string before = ModuleState.Describe(net);
        Assert.Contains("more than the tolerance", Assert.Throws<InvalidOperationException>(() => Folding.Apply(net, images, tolerance: 0)).Message);
        Assert.Equal(before, ModuleState.Describe(net));
        net.SetBatchNormMode(BatchNormMode.BatchOnly);
        before = ModuleState.Describe(net);
        Assert.Contains("'1' normalises by the batch", Assert.Throws<ArgumentException>("model", () => Folding.Apply(net, images)).Message);
        Assert.Equal(before, ModuleState.Describe(net));
    }

    [Fact]
    public void A_layer_behind_two_convolutions_is_left()
    {
        using var scope = NewDisposeScope();
        using var net = new TwoPlaces();
        Randomise(net);
        FoldingReport report = Folding.Apply(net, randn(2, 3, 8, 8));
        Assert.Equal(["own"], report.Folded);
        Assert.Equal(["shared"], report.Left);
    }

    [Fact]
    public void A_convolution_in_two_places_is_left_and_so_is_a_layer_without_parameters()
    {
        using var scope = NewDisposeScope();
        using var net = new TwoConvolutions();
        Randomise(net);
        FoldingReport report = Folding.Apply(net, randn(2, 16, 8, 8));
        Assert.Equal(["own"], report.Folded);
        Assert.Equal(["first", "second", "bare"], report.Left);
    }

    [Fact]
    public void An_error_of_exactly_the_tolerance_is_accepted()
    {
        using var scope = NewDisposeScope();
        using Module<Tensor, Tensor> net = Pair();
        Randomise(net);
        Tensor images = randn(2, 3, 8, 8);
        double error = Folding.Apply(net, images).LargestRelativeError;
        Folding.Undo(net);
        Assert.True(error > 0);
        Assert.Equal(error, Folding.Apply(net, images, tolerance: error).LargestRelativeError);
        Assert.Equal("folded", Assert.Single(net.modules().OfType<ModalBatchNorm2d>()).ReplacedBy);
    }

    [Fact]
    public void The_report_names_the_first_three_that_are_left()
    {
        Assert.Equal("2 batch-norm layers folded; largest relative error 1.2e-6.", new FoldingReport(["a", "b"], [], 1.23e-6).ToString());
        Assert.Equal("0 batch-norm layers folded, 3 left (a, b, c); largest relative error 0.0e+0.", new FoldingReport([], ["a", "b", "c"], 0).ToString());
        Assert.Equal("1 batch-norm layers folded, 4 left (a, b, c, …); largest relative error 1.0e-5.", new FoldingReport(["e"], ["a", "b", "c", "d"], 1e-5).ToString());
    }

    private static Gen<int> OneOf(params int[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);

    private static UNetResNet50 UNet()
    {
        TorchRuntime.Seed(0);
        var unet = new UNetResNet50(new UNetOptions { Encoder = new ResNet50Options { Width = 16 } });
        // Statistics of its own: with those of an untrained network the activations would grow from block to block.
        Recalibration.Apply(unet, [randn(4, 3, 64, 64)]);
        return unet;
    }

    private static Module<Tensor, Tensor> Pair() => Sequential(Conv2d(3, 16, 3), new ModalBatchNorm2d(16), ReLU());

    private static void Randomise(Module net)
    {
        using var noGrad = no_grad();
        foreach ((_, BatchNormLayer layer) in net.BatchNormLayers())
        {
            layer.Weight?.uniform_(-2, 2);
            layer.Bias?.normal_();
            layer.RunningMean.normal_();
            layer.RunningVar.uniform_(0.1, 3);
        }
    }

    /// <summary>One convolution in two places with a layer behind each, another without γ and β behind it, and one that can be folded.</summary>
    private sealed class TwoConvolutions : Module<Tensor, Tensor>
    {
#pragma warning disable IDE1006 // Field names are the state keys.
        private readonly Module<Tensor, Tensor> shared = Conv2d(16, 16, 1), third = Conv2d(16, 16, 1), fourth = Conv2d(16, 16, 1), bare = BatchNorm2d(16, affine: false);
        private readonly ModalBatchNorm2d first = new(16), second = new(16), own = new(16);
#pragma warning restore IDE1006

        internal TwoConvolutions() : base(nameof(TwoConvolutions)) => RegisterComponents();

        public override Tensor forward(Tensor input)
        {
            using var scope = NewDisposeScope();
            Tensor x = second.call(shared.call(first.call(shared.call(input))));
            return own.call(fourth.call(bare.call(third.call(x)))).MoveToOuterDisposeScope();
        }
    }

    /// <summary>One batch-norm layer in two places, another in one.</summary>
    private sealed class TwoPlaces : Module<Tensor, Tensor>
    {
#pragma warning disable IDE1006 // Field names are the state keys.
        private readonly Module<Tensor, Tensor> first = Conv2d(3, 16, 1), second = Conv2d(16, 16, 1), third = Conv2d(16, 16, 1);
        private readonly ModalBatchNorm2d shared = new(16), own = new(16);
#pragma warning restore IDE1006

        internal TwoPlaces() : base(nameof(TwoPlaces)) => RegisterComponents();

        public override Tensor forward(Tensor input)
        {
            using var scope = NewDisposeScope();
            Tensor x = shared.call(second.call(shared.call(first.call(input))));
            return own.call(third.call(x)).MoveToOuterDisposeScope();
        }
    }
}
