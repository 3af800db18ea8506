using UnetResnet.Normalization;
using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Normalization;

public class RecalibrationOptionsTests
{
    [Fact]
    public void Layer_by_layer_every_layer_gets_the_statistics_of_what_reaches_it_in_inference()
    {
        using var scope = NewDisposeScope();
        Tensor images = Images();
        var cuts = new List<float[]>();
        foreach (int[] sizes in new int[][] { [12], [5, 1, 4, 2] })
        {
            using Module<Tensor, Tensor> net = Net();
            Assert.Equal(12, Recalibration.Apply(net, images.split([.. sizes.Select(s => (long)s)]), new RecalibrationOptions { LayerByLayer = true }));
            net.eval();
            // The definition, with the layers' own inference in front of them, in double.
            Module<Tensor, Tensor>[] steps = [.. net.children().Cast<Module<Tensor, Tensor>>()];
            Tensor first = steps[0].call(images), second = steps[..5].Aggregate(images, (x, step) => step.call(x));
            BatchNormLayer[] layers = [.. net.BatchNormLayers().Select(l => l.Layer)];
            AssertStatistics(layers[0], first);
            AssertStatistics(layers[1], second);
            cuts.Add([.. layers.SelectMany(l => l.RunningVar.Values())]);
        }

        for (int i = 0; i < cuts[0].Length; i++) Assert.Equal(cuts[0][i], cuts[1][i], 1e-5 * (1 + cuts[0][i]));
    }

    [Fact]
    public void Layer_by_layer_goes_in_the_order_of_the_forward_pass_whatever_the_order_of_registration()
    {
        using var scope = NewDisposeScope();
        Tensor images = Images();
        TorchRuntime.Seed(0);
        using var net = new Backwards();
        Assert.Equal(["second", "first"], net.BatchNormLayers().Select(l => l.Name));
        Recalibration.Apply(net, images.split(5), new RecalibrationOptions { LayerByLayer = true });
        net.eval();
        BatchNormLayer[] layers = [.. net.BatchNormLayers().Select(l => l.Layer)];
        AssertStatistics(layers[1], images);
        AssertStatistics(layers[0], net.BeforeSecond(images));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_number_of_images_is_counted_across_batches(bool layerByLayer)
    {
        using var scope = NewDisposeScope();
        Tensor images = Images();
        float[] Statistics(IEnumerable<Tensor> batches, long? count, long expected)
        {
            using Module<Tensor, Tensor> net = Net();
            Assert.Equal(expected, Recalibration.Apply(net, batches, new RecalibrationOptions { Images = count, LayerByLayer = layerByLayer }));
            return [.. net.BatchNormLayers().SelectMany(l => l.Layer.RunningVar.Values())];
        }

        Assert.Equal(Statistics([images.narrow(0, 0, 5), images.narrow(0, 5, 2)], null, 7), Statistics(images.split(5), 7, 7));
        Assert.Equal(Statistics(images.split(5), null, 12), Statistics(images.split(5), 500, 12));
        // One image has statistics too, and batches that end where the count does are not asked for more.
        Assert.Equal(Statistics([images.narrow(0, 0, 1)], null, 1), Statistics(images.split(5), 1, 1));
        Assert.Equal(Statistics([images.narrow(0, 0, 5)], null, 5), Statistics(images.split(5), 5, 5));
        Assert.Throws<ArgumentOutOfRangeException>("Images", () => new RecalibrationOptions { Images = 0 });
    }

    [Fact]
    public void Batches_that_end_after_one_pass_are_no_use_layer_by_layer_and_nothing_is_changed()
    {
        using var scope = NewDisposeScope();
        using Module<Tensor, Tensor> net = Net();
        var before = Numbers.State(net);
        Queue<Tensor> once = new([rand(2, 3, 8, 8), rand(2, 3, 8, 8)]);
        IEnumerable<Tensor> Drain()
        {
            while (once.TryDequeue(out Tensor? batch)) yield return batch;
        }

        Assert.Throws<ArgumentException>("batches", () => Recalibration.Apply(net, Drain(), new RecalibrationOptions { LayerByLayer = true }));
        Assert.Empty(Numbers.Changed(before, Numbers.State(net)));
    }

    [Fact]
    public void Batches_that_differ_from_pass_to_pass_are_refused_layer_by_layer_and_nothing_is_changed()
    {
        using var scope = NewDisposeScope();
        using Module<Tensor, Tensor> net = Net();
        var before = Numbers.State(net);
        int passes = 0;
        IEnumerable<Tensor> Growing()
        {
            passes++;
            for (int i = 0; i < passes; i++) yield return rand(2, 3, 8, 8);
        }

        string message = Assert.Throws<ArgumentException>("batches", () => Recalibration.Apply(net, Growing(), new RecalibrationOptions { LayerByLayer = true })).Message;
        Assert.Contains("4 images, and 6", message);
        Assert.Contains("no batch", Assert.Throws<ArgumentException>("batches", () => Recalibration.Apply(net, [], new RecalibrationOptions { LayerByLayer = true })).Message);
        Assert.Empty(Numbers.Changed(before, Numbers.State(net)));
    }

    /// <summary>A layer that is used twice gets the statistics of both its inputs, and the pass goes on to the second.</summary>
    [Fact]
    public void Layer_by_layer_a_layer_in_two_places_sees_both()
    {
        using var scope = NewDisposeScope();
        using var net = new Twice();
        Tensor images = Images();
        // The first pass normalises by the old statistics, mean 0 and variance 1.
        Tensor second = net.Between(images / Math.Sqrt(1 + 1e-3));
        Recalibration.Apply(net, images.split(5), new RecalibrationOptions { LayerByLayer = true });
        net.eval();
        BatchNormLayer[] layers = [.. net.BatchNormLayers().Select(l => l.Layer)];
        AssertStatistics(layers[0], cat([images, second]));
        AssertStatistics(layers[1], net.BeforeLast(images));
    }

    [Fact]
    public void Passes_that_end_early_leave_no_tensor_behind()
    {
        using Module<Tensor, Tensor> net = Net();
        using Tensor images = rand(4, 3, 8, 8);
        var options = new RecalibrationOptions { LayerByLayer = true };
        Recalibration.Apply(net, [images], options);
        long before = LiveTensors.Settled();
        for (int i = 0; i < 3; i++) Recalibration.Apply(net, [images, images], options);
        Assert.Equal(before, Tensor.TotalCount);
        // And no hook that would end a pass of the user's.
        net.call(images).Dispose();
    }

    [Fact]
    public void A_reset_layer_is_new()
    {
        using var scope = NewDisposeScope();
        using var layer = new ModalBatchNorm2d(16, BatchNormOptions.Keras213);
        using var fresh = new ModalBatchNorm2d(16, BatchNormOptions.Keras213);
        layer.train();
        layer.call(randn(4, 16, 3, 3) + 9);
        Recalibration.Reset(layer);
        Assert.Empty(Numbers.Changed(Numbers.State(fresh), Numbers.State(layer)));
        // The zero-debiased average starts anew: one step replaces everything.
        Tensor next = randn(4, 16, 3, 3) - 5;
        layer.call(next);
        fresh.call(next);
        Assert.Empty(Numbers.Changed(Numbers.State(fresh), Numbers.State(layer)));
    }

    [Fact]
    public void Batch_statistics_at_test_time_depend_on_companions_and_are_switched_off_again()
    {
        using var scope = NewDisposeScope();
        using Module<Tensor, Tensor> net = Net();
        Tensor images = Images();
        net.train();
        Assert.Equal(2, TestTimeStatistics.Apply(net));
        Assert.All(net.BatchNormLayers(), l => Assert.Equal(BatchNormMode.BatchOnly, l.Layer.Mode));
        Assert.True(TestTimeStatistics.CompanionEffect(net, images) > 0.1);
        // The same company twice.
        Assert.Equal(0, TestTimeStatistics.CompanionEffect(net, cat([images.narrow(0, 0, 1), images.narrow(0, 3, 2), images.narrow(0, 3, 2)])), 1e-6);
        Assert.True(TestTimeStatistics.CompanionEffect(net, images.narrow(0, 0, 3)) > 0.1);
        Assert.Throws<ArgumentException>("images", () => TestTimeStatistics.CompanionEffect(net, images.narrow(0, 0, 2)));
        Assert.Throws<ArgumentException>("images", () => TestTimeStatistics.CompanionEffect(net, tensor(1f)));
        Assert.True(net.training);
        using Module<Tensor, Tensor> bare = Sequential(ReLU());
        Assert.Contains("no statistics to take from the batch", Assert.Throws<ArgumentException>("model", () => TestTimeStatistics.Apply(bare)).Message);
        TestTimeStatistics.Apply(net);   // applied twice, undone once
        net.eval();
        Assert.Equal(2, TestTimeStatistics.Undo(net));
        Assert.Equal(0, TestTimeStatistics.Undo(net));
        // The flags are those of the user's last call.
        Assert.DoesNotContain(net.modules(), m => m.training);

        Assert.All(net.BatchNormLayers(), l => Assert.Equal(BatchNormMode.Trainable, l.Layer.Mode));
        Assert.Contains("depends on its companions", TestTimeStatistics.Warning);
    }

    private static void AssertStatistics(BatchNormLayer layer, Tensor input)
    {
        Tensor wide = input.to(float64);
        (Tensor variance, Tensor mean) = var_mean(wide, [0, 2, 3], unbiased: false);
        // Float32 on the way to the layer, and sums within a batch.
        Numbers.AssertClose(mean.data<double>().ToArray(), layer.RunningMean, 1e-5, "mean");
        Numbers.AssertClose(variance.data<double>().ToArray(), layer.RunningVar, 1e-5, "variance");
    }

    /// <summary>Images of growing brightness: their batches differ.</summary>
    private static Tensor Images() => tensor(Numbers.Normal(new Random(4), 12, 3, 64), [12, 3, 8, 8]) * arange(1, 13).reshape(12, 1, 1, 1);

    private static Module<Tensor, Tensor> Net()
    {
        TorchRuntime.Seed(0);
        return Sequential(Conv2d(3, 16, 3), new ModalBatchNorm2d(16), ReLU(), Dropout2d(0.5), Conv2d(16, 16, 3), new ModalBatchNorm2d(16));
    }

    /// <summary>One layer in two places, another behind them.</summary>
    private sealed class Twice : Module<Tensor, Tensor>
    {
        private readonly ModalBatchNorm2d shared = new(3), last = new(3);

        internal Twice() : base(nameof(Twice)) => RegisterComponents();

        internal Tensor Between(Tensor once) => once * 2 + 1;

        internal Tensor BeforeLast(Tensor images) => shared.call(Between(shared.call(images)));

        public override Tensor forward(Tensor images) => last.call(BeforeLast(images));
    }

    /// <summary>Registers last what it uses first.</summary>
    private sealed class Backwards : Module<Tensor, Tensor>
    {
        private readonly ModalBatchNorm2d second = new(16), first = new(3);
        private readonly Module<Tensor, Tensor> convolution = Conv2d(3, 16, 3);

        internal Backwards() : base(nameof(Backwards))
        {
            register_module("second", second);
            register_module("convolution", convolution);
            register_module("first", first);
        }

        internal Tensor BeforeSecond(Tensor images) => convolution.call(first.call(images));

        public override Tensor forward(Tensor images) => second.call(BeforeSecond(images));
    }
}
