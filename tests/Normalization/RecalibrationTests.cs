using UnetResnet.Normalization;
using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Normalization;

public class RecalibrationTests
{
    [Fact]
    public void A_single_layer_gets_the_pooled_statistics_of_uneven_batches()
    {
        using var scope = NewDisposeScope();
        const int channels = 4, spatial = 6;
        var random = new Random(2);
        using var layer = new ModalBatchNorm2d(channels, mode: BatchNormMode.Keras213);
        float[][] values = [.. new[] { 3, 1, 5 }.Select(n => Numbers.Normal(random, n, channels, spatial))];
        long images = Recalibration.Apply(layer, values.Select(v => tensor(v, [v.Length / channels / spatial, channels, 2, 3])));

        Assert.Equal(9, images);
        double[] all = [.. values.SelectMany(v => v.Doubles())];
        var expected = Enumerable.Range(0, channels).Select(c => ReferenceBatchNorm.Moments(ReferenceBatchNorm.Channel(all, channels, spatial, c))).ToArray();
        // Float32 sums over at most 30 values within a batch.
        Numbers.AssertClose([.. expected.Select(m => m.Mean)], layer.RunningMean, 5e-6);
        Numbers.AssertClose([.. expected.Select(m => m.Variance)], layer.RunningVar, 5e-6);
    }

    [Fact]
    public void How_the_images_are_cut_matters_only_behind_another_layer()
    {
        using var scope = NewDisposeScope();
        Tensor images = tensor(Numbers.Normal(new Random(4), 12, 3, 64), [12, 3, 8, 8]);
        // Images of growing brightness: their batches differ.
        images.mul_(arange(1, 13).reshape(12, 1, 1, 1));
        using Module<Tensor, Tensor> net = Net(dropout: 0);
        (BatchNormLayer first, BatchNormLayer second) = (net.BatchNormLayers()[0].Layer, net.BatchNormLayers()[1].Layer);
        var cuts = new List<(float[] First, float[] Second)>();
        foreach (int[] sizes in new int[][] { [12], [6, 6], [5, 1, 4, 2] })
        {
            Recalibration.Apply(net, images.split([.. sizes.Select(s => (long)s)]));
            cuts.Add(([.. first.RunningMean.Values(), .. first.RunningVar.Values()], second.RunningVar.Values()));
        }

        foreach (var cut in cuts.Skip(1))
        {
            for (int i = 0; i < cut.First.Length; i++) Assert.Equal(cuts[0].First[i], cut.First[i], 1e-5 * (1 + Math.Abs(cuts[0].First[i])));
            // Behind it the batches arrive normalised each by itself, so the second layer's statistics depend on the cut.
            Assert.Contains(cut.Second.Zip(cuts[0].Second), pair => Math.Abs(pair.First - pair.Second) > 0.05 * pair.Second);
        }
    }

    /// <summary>TorchSharp's layers of every dimension; what their own cumulative average would give for these batches of growing brightness is far off.</summary>
    [Fact]
    public void TorchSharps_own_layers_are_recalibrated_too()
    {
        using var scope = NewDisposeScope();
        TorchRuntime.Seed(3);
        using var net = Sequential(("one", BatchNorm2d(3)), ("conv", Conv2d(3, 16, 3)), ("two", BatchNorm2d(16, momentum: 0.3)), ("flat", Flatten()), ("linear", Linear(16 * 36, 16)), ("three", BatchNorm1d(16)));
        Tensor[] batches = [.. new[] { 4, 2, 6 }.Select((n, i) => tensor(Numbers.Normal(new Random(i), n, 3, 64), [n, 3, 8, 8]) * (i + 1) + 3 * i)];
        var two = (TorchSharp.Modules.BatchNorm2d)net.modules().Single(m => m is TorchSharp.Modules.BatchNorm2d { num_features: 16 });
        two.eval();
        var before = Numbers.State(net);
        Assert.Equal(12, Recalibration.Apply(net, batches));
        Assert.Equal(["one.running_mean", "one.running_var", "two.running_mean", "two.running_var", "three.running_mean", "three.running_var"], Numbers.Changed(before, Numbers.State(net)));
        Assert.Equal((0.3, false, true), (two.momentum, two.training, net.training));

        double[] all = [.. batches.SelectMany(b => b.Values().Doubles())];
        var expected = Enumerable.Range(0, 3).Select(c => ReferenceBatchNorm.Moments(ReferenceBatchNorm.Channel(all, 3, 64, c))).ToArray();
        var one = (TorchSharp.Modules.BatchNorm2d)net.modules().Single(m => m is TorchSharp.Modules.BatchNorm2d { num_features: 3 });
        Numbers.AssertClose([.. expected.Select(m => m.Mean)], one.running_mean!, 1e-5);
        Numbers.AssertClose([.. expected.Select(m => m.Variance)], one.running_var!, 1e-4);

        // Layer by layer, the last one is fed as in inference: through the recalibrated network the same images then come out with mean 0.
        Recalibration.Apply(net, batches, new RecalibrationOptions { LayerByLayer = true });
        net.eval();
        Tensor output = net.call(cat(batches));
        Numbers.AssertClose(new double[16], output.mean([0]), 1e-4);
        Assert.Contains("with running statistics", Assert.Throws<ArgumentException>(() => Recalibration.Apply(BatchNorm2d(3, track_running_stats: false), batches)).Message);

        Recalibration.Reset(net);
        Assert.Equal([1f, 1, 1], one.running_var!.Values());
        Assert.Equal(3, Recalibration.Undo(net));
        Assert.Empty(Numbers.Changed(before, Numbers.State(net)));
    }

    [Fact]
    public void In_one_batch_inference_becomes_what_training_was()
    {
        using var scope = NewDisposeScope();
        using Module<Tensor, Tensor> net = Net(dropout: 0);
        net.SetBatchNormMode(BatchNormMode.Keras213);
        Tensor images = tensor(Numbers.Normal(new Random(6), 8, 3, 64), [8, 3, 8, 8]);
        net.train();
        double[] training = net.call(images).Values().Doubles();
        net.eval();
        Assert.True(training.Zip(net.call(images).Values()).Max(p => Math.Abs(p.First - p.Second)) > 0.1);
        Recalibration.Apply(net, [images]);
        Numbers.AssertClose(training, net.call(images), 1e-5);
    }

    [Fact]
    public void Nothing_but_the_running_statistics_changes()
    {
        using var scope = NewDisposeScope();
        using Module<Tensor, Tensor> net = Net(dropout: 0.5);
        net.Freeze(BatchNormMode.Keras213);
        net.BatchNormLayers()[1].Layer.Mode = BatchNormMode.AffineOnly;
        net.train();
        net.BatchNormLayers()[0].Layer.Module.eval();
        var state = Numbers.State(net);
        bool[] flags = Flags(), gradients = Gradients();
        bool[] Flags() => [net.training, .. net.named_modules().Select(m => m.module.training)];
        bool[] Gradients() => [.. net.parameters().Select(p => p.requires_grad)];
        Tensor images = rand(6, 3, 8, 8);
        TorchRuntime.Seed(1);
        float[] draws = rand(4).Values();

        TorchRuntime.Seed(1);
        Recalibration.Apply(net, images.split(2));
        Assert.Equal(draws, rand(4).Values());

        Assert.Equal(
            ["1.running_mean", "1.running_var", "5.running_mean", "5.running_var"],
            Numbers.Changed(state, Numbers.State(net)).Order());
        Assert.Equal(flags, Flags());
        Assert.Equal(gradients, Gradients());
        Assert.Equal([BatchNormMode.Keras213, BatchNormMode.AffineOnly], net.BatchNormLayers().Select(l => l.Layer.Mode));
        Assert.False(images.requires_grad);
    }

    [Fact]
    public void Dropout_is_off()
    {
        using var scope = NewDisposeScope();
        Tensor images = rand(6, 3, 8, 8);
        float[] Second(double dropout)
        {
            using Module<Tensor, Tensor> net = Net(dropout);
            net.train();
            Recalibration.Apply(net, images.split(3));
            return net.BatchNormLayers()[1].Layer.RunningVar.Values();
        }

        Assert.Equal(Second(0), Second(0.5));
    }

    [Fact]
    public void Layers_that_no_image_reaches_keep_their_statistics()
    {
        using var scope = NewDisposeScope();
        using var net = new Detour();
        Recalibration.Apply(net, [rand(4, 16, 2, 2) + 7]);
        Assert.All(net.BatchNormLayers()[0].Layer.RunningMean.Values(), mean => Assert.InRange(mean, 7, 8));
        Assert.All(net.BatchNormLayers()[1].Layer.RunningMean.Values(), mean => Assert.Equal(0, mean));
    }

    [Fact]
    public void No_images_and_no_layers_are_refused()
    {
        using var scope = NewDisposeScope();
        using Module<Tensor, Tensor> net = Net(dropout: 0), bare = Sequential(Conv2d(3, 16, 1), ReLU());
        var state = Numbers.State(net);
        Assert.Contains("no batch", Assert.Throws<ArgumentException>("batches", () => Recalibration.Apply(net, [])).Message);
        Assert.Contains("ModalBatchNorm2d", Assert.Throws<ArgumentException>("model", () => Recalibration.Apply(bare, [rand(1, 3, 8, 8)])).Message);
        Assert.Empty(Numbers.Changed(state, Numbers.State(net)));
    }

    [Fact]
    public void A_failure_on_the_way_changes_nothing_and_leaves_no_hook()
    {
        using var scope = NewDisposeScope();
        using Module<Tensor, Tensor> net = Net(dropout: 0.5);
        net.train();
        var state = Numbers.State(net);
        Assert.ThrowsAny<Exception>(() => Recalibration.Apply(net, [rand(2, 3, 8, 8), rand(2, 5, 8, 8)]));
        Assert.Empty(Numbers.Changed(state, Numbers.State(net)));
        Assert.True(net.training);
        Assert.All(net.BatchNormLayers(), l => Assert.Equal(BatchNormMode.Trainable, l.Layer.Mode));
        // A hook left behind would add to statistics that are disposed.
        net.call(rand(2, 3, 8, 8));
    }

    [Fact]
    public void The_callers_batches_stay_and_nothing_else_does()
    {
        using Module<Tensor, Tensor> net = Net(dropout: 0);
        using Tensor images = rand(4, 3, 8, 8);
        Recalibration.Apply(net, [images]);
        long before = LiveTensors.Settled();
        for (int i = 0; i < 3; i++) Recalibration.Apply(net, [images, images]);
        Assert.Equal(before, Tensor.TotalCount);
        Assert.False(images.IsInvalid);
    }

    private static Module<Tensor, Tensor> Net(double dropout)
    {
        TorchRuntime.Seed(0);
        return Sequential(Conv2d(3, 16, 3), new ModalBatchNorm2d(16), ReLU(), Dropout2d(dropout), Conv2d(16, 16, 3), new ModalBatchNorm2d(16));
    }

    /// <summary>Has a layer that its forward pass does not use, as networks with an auxiliary head have in inference.</summary>
    private sealed class Detour : Module<Tensor, Tensor>
    {
#pragma warning disable IDE0052, CA1823 // Registered, and deliberately not called.
        private readonly ModalBatchNorm2d used = new(16);
        private readonly ModalBatchNorm2d unused = new(16);
#pragma warning restore IDE0052, CA1823

        internal Detour() : base(nameof(Detour)) => RegisterComponents();

        public override Tensor forward(Tensor input) => used.call(input);
    }
}
