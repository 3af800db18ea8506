using TorchSharp;
using TorchSharp.Modules;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using UnetResnet.Tests.Diagnosis;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using static UnetResnet.Normalization.BatchNormMode;

namespace UnetResnet.Tests.Normalization;

/// <summary>Every cure on networks that know nothing of this library: applied, kept through everything that is done to a network, and taken back byte for byte.</summary>
public class ForeignNetworkTests
{
    /// <summary>Name, layers, layers that can be folded.</summary>
    public static TheoryData<string, int, int> Networks => new() { { "cnn", 3, 3 }, { "1-D", 2, 2 }, { "3-D", 2, 1 }, { "resnet50", 53, 53 }, { "mobilenet_v2", 52, 52 } };

    [Theory]
    [MemberData(nameof(Networks))]
    public void A_mode_holds_through_train_and_is_taken_back(string network, int layers, int foldable)
    {
        Assert.InRange(foldable, 1, layers);
        using var scope = NewDisposeScope();
        (Module<Tensor, Tensor> net, Tensor images) = Create(network);
        (Tensor inTraining, Tensor inInference) = Outputs(net, images);
        Assert.True(Distance(inTraining, inInference) > 0.05);
        string before = Untouched.Describe(net);
        var state = Numbers.State(net);
        foreach (BatchNormMode mode in new[] { Inference, AffineOnly, Keras213, BatchOnly, KerasLegacy, TorchFrozenParameters })
        {
            Assert.Equal(layers, net.Freeze(mode).Layers.Count);
            Assert.All(net.BatchNormLayers(), l => Assert.Equal(mode, l.Layer.Mode));
            Train(net);
            net.eval();
            Train(net);
            Assert.True(Distance(mode.UsesBatchStatistics(training: true) ? inTraining : inInference, Call(net, images)) < 1e-4, $"{mode} in training");
            Assert.All(net.BatchNormLayers(), l => Assert.True(l.Layer.Module.training));
            string[] changed = Numbers.Changed(state, Numbers.State(net));
            Assert.Equal(mode.UpdatesStatistics() ? 3 * layers : 0, changed.Length);
            net.load_state_dict(Tensors(state, net));
            net.eval();
            Assert.True(Distance(mode == BatchOnly ? inTraining : inInference, Call(net, images)) < 1e-4, $"{mode} in inference");
            Assert.Equal(mode == AffineOnly, net.parameters().Any(p => p.requires_grad));
            net.Unfreeze();
            Assert.Equal(before, Untouched.Describe(net));
        }
    }

    [Theory]
    [MemberData(nameof(Networks))]
    public void Recalibrated_on_one_batch_inference_is_what_training_was(string network, int layers, int foldable)
    {
        Assert.InRange(foldable, 1, layers);
        using var scope = NewDisposeScope();
        (Module<Tensor, Tensor> net, Tensor images) = Create(network);
        Tensor inTraining = Outputs(net, images).Training;
        TakenBack(
            network,
            n => Assert.Equal(images.shape[0], Recalibration.Apply(n, [images.to(Type(n))])),
            n => Assert.True(Distance(inTraining, Call(n, images.to(Type(n)))) < 1e-3),
            n => Assert.Equal(layers, Recalibration.Undo(n)));
        // Blended for ever with the old statistics, nothing has changed.
        var old = Numbers.State(net);
        Recalibration.Apply(net, [images], new RecalibrationOptions { PseudoCount = double.PositiveInfinity });
        Assert.Empty(Numbers.Changed(old, Numbers.State(net)));
        Recalibration.Apply(net, [images], new RecalibrationOptions { PseudoCount = 1 });
        Assert.Equal(2 * layers, Numbers.Changed(old, Numbers.State(net)).Length);
    }

    [Theory]
    [MemberData(nameof(Networks))]
    public void Folded_the_outputs_are_the_same_and_train_wakes_nothing(string network, int layers, int foldable)
    {
        using var scope = NewDisposeScope();
        (Module<Tensor, Tensor> net, Tensor images) = Create(network);
        Tensor inInference = Outputs(net, images).Inference;
        TakenBack(
            network,
            n =>
            {
                FoldingReport report = Folding.Apply(n, images.to(Type(n)));
                Assert.Equal((foldable, layers - foldable), (report.Folded.Count, report.Left.Count));
                Assert.Equal(layers - foldable, n.BatchNormLayers().Count);
            },
            n =>
            {
                n.BatchNormLayers().ToList().ForEach(l => l.Layer.Mode = Inference);   // those that are left
                Train(n);
                Assert.True(Distance(inInference, Call(n, images.to(Type(n)))) < 1e-4);
                n.BatchNormLayers().ToList().ForEach(l => l.Layer.Mode = Trainable);
            },
            n => Assert.Equal(foldable, Folding.Undo(n)));

        // Weights saved from a folded network mean the same in one that is not.
        Folding.Apply(net, images);
        (Module<Tensor, Tensor> plain, _) = Create(network);
        plain.load_state_dict(Tensors(Numbers.State(net), net));
        Assert.True(Distance(inInference, Outputs(plain, images).Inference) < 1e-4);
    }

    [Theory]
    [MemberData(nameof(Networks))]
    public void With_group_norm_an_image_is_by_itself_and_there_is_one_mode(string network, int layers, int foldable)
    {
        Assert.InRange(foldable, 1, layers);
        using var scope = NewDisposeScope();
        (Module<Tensor, Tensor> net, Tensor images) = Create(network);
        TakenBack(
            network,
            n => Assert.Equal(layers, GroupNormalization.Apply(n, groups: 4)),
            n =>
            {
                Assert.Empty(n.BatchNormLayers());
                Tensor all = images.to(Type(n));
                Train(n);
                Tensor training = Call(n, all);
                n.eval();
                Assert.True(Distance(training, Call(n, all)) < 1e-5);
                Assert.True(Distance(training.narrow(0, 0, 1), Call(n, all.narrow(0, 0, 1))) < 1e-4);
            },
            n => Assert.Equal(layers, GroupNormalization.Undo(n)));
    }

    [Theory]
    [MemberData(nameof(Networks))]
    public void With_batch_statistics_at_test_time_inference_is_training(string network, int layers, int foldable)
    {
        Assert.InRange(foldable, 1, layers);
        using var scope = NewDisposeScope();
        (Module<Tensor, Tensor> net, Tensor images) = Create(network);
        Tensor inTraining = Outputs(net, images).Training;
        TakenBack(
            network,
            n => Assert.Equal(layers, TestTimeStatistics.Apply(n)),
            n => Assert.True(Distance(inTraining, Call(n, images.to(Type(n)))) < 1e-4),
            n => Assert.Equal(layers, TestTimeStatistics.Undo(n)));
        TestTimeStatistics.Apply(net);
        Assert.True(TestTimeStatistics.CompanionEffect(net, images) > 1e-3);
    }

    [Fact]
    public void Layer_by_layer_statistics_are_those_of_what_reaches_a_layer_in_inference()
    {
        using var scope = NewDisposeScope();
        (Module<Tensor, Tensor> net, Tensor images) = Create("1-D");
        Recalibration.Apply(net, images.split(2), new RecalibrationOptions { LayerByLayer = true });
        net.eval();
        Module<Tensor, Tensor>[] steps = [.. net.children().Cast<Module<Tensor, Tensor>>()];
        foreach (BatchNormLayer layer in net.BatchNormLayers().Select(l => l.Layer))
        {
            Tensor input = steps.TakeWhile(step => step != layer.Module).Aggregate(images.alias(), (x, step) => step.call(x));
            (Tensor variance, Tensor mean) = var_mean(input.to(float64), [0, .. Enumerable.Range(2, (int)input.dim() - 2)], unbiased: false);
            Numbers.AssertClose(mean.Doubles(), layer.RunningMean, 1e-4);
            Numbers.AssertClose(variance.Doubles(), layer.RunningVar, 1e-4);
        }
    }

    [Fact]
    public void A_pass_that_fails_leaves_the_flags_to_the_user()
    {
        using var scope = NewDisposeScope();
        (Module<Tensor, Tensor> net, Tensor images) = Create("cnn");
        net.train();
        BatchNormLayer layer = net.BatchNormLayers()[1].Layer;
        net.SetBatchNormMode(Inference);
        var hook = layer.Module.register_forward_pre_hook((_, _) => throw new InvalidOperationException("in the middle"));
        Assert.Throws<InvalidOperationException>(() => net.call(images));
        hook.remove();
        net.SetBatchNormMode(Trainable);
        Assert.All(net.modules(), m => Assert.True(m.training));
        Assert.Equal(0.1, ((BatchNorm)layer.Module).momentum);
    }

    [Fact]
    public void Without_running_statistics_only_what_needs_none_is_possible()
    {
        using var scope = NewDisposeScope();
        using Sequential net = Sequential(("conv", Conv2d(3, 16, 3)), ("norm", BatchNorm2d(16, track_running_stats: false)));
        Tensor images = rand(2, 3, 8, 8);
        string before = Untouched.Describe(net);
        foreach (BatchNormMode mode in new[] { Inference, AffineOnly, Keras213, KerasLegacy })
            Assert.Contains("'norm' keeps no running statistics", Assert.Throws<ArgumentException>("mode", () => net.Freeze(mode)).Message);
        Assert.Contains("no running statistics", Assert.Throws<InvalidOperationException>(() => net.BatchNormLayers()[0].Layer.RunningMean).Message);
        Assert.Contains("'norm' normalises by the batch", Assert.Throws<ArgumentException>("model", () => Folding.Apply(net, images)).Message);
        Assert.Contains("with running statistics", Assert.Throws<ArgumentException>("model", () => Recalibration.Apply(net, [images])).Message);
        Assert.Equal(before, Untouched.Describe(net));
        net.Freeze(BatchOnly);
        net.Unfreeze();
        Assert.Equal(1, GroupNormalization.Apply(net));
        // Up to the rounding of a convolution over one image or two.
        Assert.True(Distance(net.call(images).narrow(0, 0, 1), net.call(images.narrow(0, 0, 1))) < 1e-5);
        GroupNormalization.Undo(net);
        Assert.Equal(before, Untouched.Describe(net));
    }

    [Fact]
    public void The_numbers_of_a_foreign_layer_can_be_changed_as_far_as_it_has_them()
    {
        using BatchNorm2d norm = BatchNorm2d(16, eps: 1e-3, momentum: 0.3);
        BatchNormLayer layer = norm.BatchNormLayers()[0].Layer;
        Assert.Equal(BatchNormOptions.Torch with { Eps = 1e-3, Momentum = 0.3 }, layer.Options);
        layer.Options = layer.Options with { Momentum = 0.5 };
        Assert.Equal((1e-3, 0.5), (norm.eps, norm.momentum));
        Assert.Contains("only ε and momentum", Assert.Throws<ArgumentException>(() => layer.Options = BatchNormOptions.Keras213).Message);
        norm.momentum = null;
        layer.Options = layer.Options with { Eps = 1e-4 };
        Assert.Null(norm.momentum);
        Assert.Equal(": BatchNorm2d(16), Trainable", $": {layer}");
    }

    /// <summary>Applies a cure to a fresh network, checks it, does to the network what users do, and demands every byte back; in float32, and with a change to float64 in between.</summary>
    private static void TakenBack(string network, Action<Module<Tensor, Tensor>> apply, Action<Module<Tensor, Tensor>> check, Action<Module<Tensor, Tensor>> undo)
    {
        using var scope = NewDisposeScope();
        (Module<Tensor, Tensor> net, _) = Create(network);
        string before = Untouched.Describe(net);
        apply(net);
        check(net);
        Train(net);
        net.load_state_dict(Tensors(Numbers.State(net), net));
        net.eval();
        check(net);
        net.eval();
        undo(net);
        Assert.Equal(before, Untouched.Describe(net));

        apply(net);
        net.to(float64);
        check(net);
        net.eval();
        undo(net);
        (Module<Tensor, Tensor> wide, _) = Create(network);
        wide.to(float64);
        wide.eval();
        Assert.Equal(Untouched.Describe(wide), Untouched.Describe(net));
    }

    /// <summary>A network in inference mode, always the same, and images for it.</summary>
    private static (Module<Tensor, Tensor> Net, Tensor Images) Create(string network)
    {
        TorchRuntime.Seed(0);
        (Module<Tensor, Tensor> net, long[] shape) = network switch
        {
            "cnn" => ((Module<Tensor, Tensor>)ForeignNetworks.Cnn(dropout: 0.5), new long[] { 6, 3, 8, 8 }),
            "1-D" => (Sequential(("conv", Conv1d(2, 16, 3, bias: false)), ("norm1", BatchNorm1d(16)), ("relu", ReLU()), ("flat", Flatten()), ("linear", Linear(16 * 14, 16)), ("norm2", BatchNorm1d(16))), [6, 2, 16]),
            "3-D" => (Sequential(("norm1", BatchNorm3d(16)), ("conv", Conv3d(16, 16, 3, padding: 1)), ("norm2", BatchNorm3d(16)), ("relu", ReLU())), [4, 16, 4, 4, 4]),
            "resnet50" => (TorchSharp.torchvision.models.resnet50(16), [4, 3, 64, 64]),
            // At width 2 every number of channels is a multiple of 16, and of 4 in any case.
            "mobilenet_v2" => (TorchSharp.torchvision.models.mobilenet_v2(16, width_mult: 2), [4, 3, 64, 64]),
            _ => throw new ArgumentOutOfRangeException(nameof(network)),
        };
        net.eval();
        float[] values = Numbers.Normal(new Random(1), (int)shape[0], (int)shape[1], (int)shape.Skip(2).Aggregate(1L, (a, b) => a * b));
        return (net, tensor(values, shape));
    }

    /// <summary>What TorchSharp itself makes of the images in the two modes; the network is left as it was.</summary>
    private static (Tensor Training, Tensor Inference) Outputs(Module<Tensor, Tensor> net, Tensor images)
    {
        var state = Numbers.State(net);
        net.eval();
        Tensor inference = Call(net, images);
        Train(net);
        Tensor training = Call(net, images);
        net.eval();
        net.load_state_dict(Tensors(state, net));
        return (training, inference);
    }

    private static Dictionary<string, Tensor> Tensors(Dictionary<string, byte[]> state, Module net) => net.state_dict().ToDictionary(entry => entry.Key, entry =>
    {
        Tensor copy = entry.Value.detach().clone();
        copy.bytes = state[entry.Key];
        return copy;
    });

    private static void Train(Module net)
    {
        net.train();
        foreach (Module dropout in net.modules().Where(m => m is Dropout)) dropout.eval();
    }

    private static Tensor Call(Module<Tensor, Tensor> net, Tensor images)
    {
        using var noGrad = no_grad();
        return net.call(images);
    }

    private static ScalarType Type(Module net) => net.parameters().First().dtype;

    private static double Distance(Tensor expected, Tensor actual) => Math.Sqrt(((actual.to(float64) - expected.to(float64)).square().mean() / expected.to(float64).var()).item<double>());
}
