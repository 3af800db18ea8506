using TorchSharp;
using TorchSharp.Modules;
using UnetResnet.Models;
using UnetResnet.Models.Products;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Models;

/// <summary>The way without gradients, each convolution with what follows it in one operation, against layer by layer. A forward hook makes a network go layer by layer.</summary>
public class FoldedLayersTests : ManyThreadsTest
{
    [Fact]
    public void The_fused_convolution_is_there_on_x64() =>
        Assert.Equal(System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture == System.Runtime.InteropServices.Architecture.X64, FusedConvolution.IsAvailable(float32));

    [Theory]
    [InlineData(ConvolutionPadding.Same, 64, 96)]
    [InlineData(ConvolutionPadding.Same, 75, 61)] // odd sides all the way down
    [InlineData(ConvolutionPadding.Symmetric, 64, 96)]
    [InlineData(ConvolutionPadding.Symmetric, 75, 61)]
    public void Features_are_those_of_the_layers(ConvolutionPadding padding, int height, int width)
    {
        using var scope = NewDisposeScope();
        using ResNet50Encoder encoder = Trained(new ResNet50Options { Width = 16, Padding = padding });
        Compare(encoder, randn(2, 3, height, width));
    }

    /// <summary>No biases, and the stride on the 3×3.</summary>
    [Fact]
    public void Features_are_those_of_the_layers_in_torchvisions_network()
    {
        using var scope = NewDisposeScope();
        using ResNet50Encoder encoder = Trained(ResNet50Options.Torchvision with { Width = 16 });
        Compare(encoder, randn(2, 3, 64, 96));
    }

    /// <summary>What changes a number of the network must change what it computes: a step of an optimiser, new statistics, a file, another ε.</summary>
    [Fact]
    public void Kept_kernels_are_made_anew_when_the_network_changes()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        using ResNet50Encoder encoder = Trained(new ResNet50Options { Width = 16 }), other = Trained(new ResNet50Options { Width = 16 });
        other.save(folder["other.dat"]);
        Tensor images = randn(1, 3, 32, 32);
        var layer = encoder.BatchNormLayers().Single(l => l.Name == "bn3a_branch2a").Layer;
        Tensor kernel = encoder.state_dict()["res4b_branch2b.weight"];
        Tensor before = Compare(encoder, images);
        void Changes(Action change)
        {
            using (no_grad()) change();
            Tensor after = Compare(encoder, images);
            Assert.False(after.allclose(before, 1e-3));
            before = after;
        }

        Changes(() => kernel.mul_(1.5));
        Changes(() => layer.RunningMean.add_(1));
        Changes(() => layer.RunningVar.mul_(4));
        Changes(() => layer.Options = layer.Options with { Eps = 1 });
        Changes(() => encoder.load(folder["other.dat"]));
        Changes(() => encoder.load_state_dict(Trained(new ResNet50Options { Width = 16 }).state_dict()));
    }

    /// <summary>The order of a kernel depends on the size of the maps; kernels are kept for two sizes.</summary>
    [Fact]
    [Trait("Category", "Reliability")]
    public void Sizes_may_alternate()
    {
        using var unet = new UNetResNet50(new UNetOptions { Encoder = new ResNet50Options { Width = 16 } });
        Settle(unet);
        unet.eval();
        void Pass(int batch, int side)
        {
            using var scope = NewDisposeScope();
            using var noGrad = no_grad();
            Tensor images = randn(batch, 3, side, side), fast = unet.call(images), slow;
            using (new Watch(unet)) slow = unet.call(images);
            Assert.InRange((fast - slow).abs().max().item<float>() / slow.abs().max().item<float>(), 0, 1e-4);
        }

        (int Batch, int Side)[] passes = [(2, 64), (1, 64), (2, 64), (1, 96), (3, 32), (3, 32)];
        foreach ((int batch, int side) in passes) Pass(batch, side);
        long before = LiveTensors.Settled();
        for (int round = 0; round < 2; round++) foreach ((int batch, int side) in passes) Pass(batch, side);
        Assert.Equal(before, LiveTensors.Settled());
    }

    /// <summary>A pass whose kernels another thread has dropped meanwhile, with the size or the weights that it had, ends with them all the same.</summary>
    [Fact]
    public void Kernels_live_as_long_as_a_pass_uses_them()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using ResNet50Encoder encoder = Trained(new ResNet50Options { Width = 16 });
        encoder.eval();
        ConvolutionWithNorm layer = encoder.Stages[0][0].Branch2a;
        using var layers = new FoldedLayers([layer], _ => 0);
        Tensor x = ChannelsLast.Of(randn(1, 16, 8, 8)), expected = layer.Apply(x, watched: true);
        using (FoldedKernels kernels = layers.For(x))
        {
            Assert.True(kernels.Apply(layer, x).allclose(expected, 1e-4, 1e-4));
            layers.Dispose();
            Assert.True(kernels.Apply(layer, x).allclose(expected, 1e-4, 1e-4));
        }

        using FoldedKernels again = layers.For(x);
        Assert.True(again.Apply(layer, x).allclose(expected, 1e-4, 1e-4));
    }

    /// <summary>
    /// The first pass goes layer by layer, later ones by shares of the images where the images fill the threads: no byte may depend on that. At 96 pixels a side every layer behind the first
    /// is computed by the kit's own loops.
    /// </summary>
    [Theory]
    [InlineData(1)]
    [InlineData(3)] // more than one share, but not two equal ones
    [InlineData(10)]
    public void Shares_of_the_images_compute_what_all_of_them_do(int batch)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var unet = new UNetResNet50(new UNetOptions { Encoder = new ResNet50Options { Width = 16 } });
        Settle(unet);
        unet.eval();
        Tensor images = randn(batch, 3, 96, 96), first = unet.call(images);
        byte[][] features = [.. unet.Encoder.Features(images).Select(TensorMemory.Bytes)];
        foreach (int threads in new[] { 1, 2, 3, 4 })
        {
            set_num_threads(threads);
            Assert.Equal(features, unet.Encoder.Features(images).Select(TensorMemory.Bytes));
            Assert.Equal(first.Bytes(), unet.call(images).Bytes());
        }

        using var encoder = new FoldedLayers([.. unet.Encoder.Stages.SelectMany(blocks => blocks).SelectMany(block => block.Layers)], _ => 0);
        using FoldedKernels kernels = encoder.For(images);
        Tensor Blocks() => unet.Encoder.Stages.Aggregate(ChannelsLast.Of(ones(batch, 16, 24, 24)).clone(), (x, blocks) => kernels.Apply(blocks, x));
        Assert.All(unet.Encoder.Stages.SelectMany(blocks => blocks), block => Assert.Null(kernels.Own(block.Layers)));
        Tensor before = Blocks();
        Assert.All(unet.Encoder.Stages.SelectMany(blocks => blocks), block => Assert.Equal(MatrixProduct.Suits(16), kernels.Own(block.Layers) is not null));
        Assert.Equal(before.Bytes(), Blocks().Bytes());
    }

    /// <summary>
    /// Layers that normalise by the batch: the first pass goes layer by layer, later ones by shares of the images that meet after each layer, where the images fill the threads. No byte
    /// depends on that, of the features and of what is counted.
    /// </summary>
    [Theory]
    [InlineData(3, 1)]
    [InlineData(4, 1)]
    [InlineData(10, 1)]
    [InlineData(4, 3)]
    [InlineData(10, 2)]
    public void Shares_that_meet_compute_what_all_images_do(int batch, int every)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using ResNet50Encoder encoder = Trained(new ResNet50Options { Width = 16 });
        encoder.eval();
        BatchNormLayer[] layers = [.. encoder.BatchNormLayers().Select(layer => layer.Layer).Where((_, i) => i % every == 0)];
        foreach (BatchNormLayer layer in layers) layer.NormaliseBy(true);
        Tensor images = randn(batch, 3, 96, 96);
        (byte[][] Features, double[][] Sums) first = Pass();
        foreach (int threads in new[] { 1, 2, 3, 4 })
        {
            set_num_threads(threads);
            (byte[][] features, double[][] sums) = Pass();
            Assert.Equal(first.Features, features);
            Assert.Equal(first.Sums, sums);
        }

        // The bytes above would be the same if none of them had gone so.
        set_num_threads(2);
        ResidualBlock[] blocks = encoder.Stages[1];
        using var own = new FoldedLayers([.. blocks.SelectMany(block => block.Layers)], _ => 0);
        using FoldedKernels kernels = own.For(images);
        Tensor map = ChannelsLast.Of(randn(batch, 64, 24, 24)), before = kernels.Apply(blocks, map.clone());
        if (!MatrixProduct.Suits(16)) return;
        OwnLayer[][] ready = [.. blocks.Select(block => kernels.Own(block.Layers)!)];
        Assert.Contains(ready, block => block.Any(layer => layer.Scaling is not null));
        Tensor? together = SynchronizedShares.Blocks(blocks[0], ready, map);
        Assert.Equal(batch != 3, together is not null);
        if (together is not null) Assert.Equal(before.Bytes(), together.Bytes());

        (byte[][], double[][]) Pass()
        {
            PooledStatistics[] counters = [.. layers.Select(layer => new PooledStatistics(layer.Channels))];
            Action end = layers.Zip(counters).Select(pair => pair.First.Count(pair.Second)).Aggregate((one, other) => one + other);
            byte[][] features = [.. encoder.Features(images).Select(TensorMemory.Bytes)];
            end();
            Assert.All(counters, counter => Assert.True(counter.Count > 0));
            double[][] sums = [.. counters.Select(counter => (double[])[.. counter.Sum.Doubles(), .. counter.Squares.Doubles()])];
            foreach (PooledStatistics counter in counters) counter.Dispose();
            return (features, sums);
        }
    }

    /// <summary>A single pixel has no variance: whichever way a layer would go, it says so.</summary>
    [Fact]
    public void One_value_per_channel_is_refused_in_a_later_pass_too()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using ResNet50Encoder encoder = Trained(new ResNet50Options { Width = 16 });
        encoder.eval();
        encoder.BatchNormLayers().Single(layer => layer.Name == "bn5c_branch2b").Layer.NormaliseBy(true);
        set_num_threads(1);
        Tensor image = randn(1, 3, 32, 32);
        for (int pass = 0; pass < 3; pass++) Assert.Contains("have no variance", Assert.Throws<ArgumentException>(() => encoder.Features(image)).Message);
    }

    /// <summary>A recalibration changes statistics only: what is not folded is kept, and what is folded is made anew.</summary>
    [Fact]
    public void New_statistics_leave_the_kernels_that_they_are_not_in()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using ResNet50Encoder encoder = Trained(new ResNet50Options { Width = 16 });
        encoder.eval();
        ResidualBlock[] blocks = encoder.Stages[1];
        var norm = (ModalLayer)encoder.BatchNormLayers().Single(layer => layer.Name == "bn3b_branch2b").Layer;
        norm.NormaliseBy(true);
        using var layers = new FoldedLayers([.. blocks.SelectMany(block => block.Layers)], _ => 0);
        Tensor map = ChannelsLast.Of(randn(4, 64, 24, 24));
        if (!MatrixProduct.Suits(16)) return;
        (FoldedKernel folded, FoldedKernel unfolded) = Kernels();
        (FoldedKernel sameFolded, FoldedKernel sameUnfolded) = Kernels();
        Assert.Same(folded, sameFolded);
        Assert.Same(unfolded, sameUnfolded);

        encoder.state_dict()["bn3b_branch2a.running_mean"].add_(1);
        (FoldedKernel newFolded, FoldedKernel keptUnfolded) = Kernels();
        Assert.NotSame(folded, newFolded);
        Assert.Same(unfolded, keptUnfolded);

        // A pass that is not over keeps all that it has.
        using (layers.For(map))
        {
            encoder.state_dict()["bn3b_branch2a.running_mean"].add_(1);
            Assert.NotSame(unfolded, Kernels().Unfolded);
        }

        unfolded = Kernels().Unfolded;
        encoder.state_dict()["res3b_branch2b.bias"].add_(1);
        Assert.NotSame(unfolded, Kernels().Unfolded);

        (FoldedKernel Folded, FoldedKernel Unfolded) Kernels()
        {
            using FoldedKernels kernels = layers.For(map);
            kernels.Apply(blocks, map.clone());
            OwnLayer[] own = kernels.Own(blocks[1].Layers)!;
            return (own[0].Kernel, own[1].Kernel);
        }
    }

    /// <summary>As in PyTorch, no images give no masks.</summary>
    [Fact]
    public void A_batch_may_be_empty()
    {
        using var scope = NewDisposeScope();
        using var unet = new UNetResNet50(new UNetOptions { Encoder = new ResNet50Options { Width = 16 } });
        Assert.Equal([0, 1, 96, 64], unet.Predict(zeros(0, 3, 96, 64)).shape);
        Assert.Equal([2, 1, 96, 64], unet.Predict(zeros(2, 3, 96, 64)).shape);
        Assert.Equal([0, 1, 96, 64], unet.Predict(zeros(0, 3, 96, 64)).shape);
    }

    /// <summary>A layer that has no own form, or whose input somebody sees, does not keep the blocks around it from going together.</summary>
    [Fact]
    public void Blocks_go_together_around_one_that_cannot()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        foreach (ResNet50Options options in new[] { new ResNet50Options { Width = 16 }, ResNet50Options.Torchvision with { Width = 16 } })
        {
            using ResNet50Encoder encoder = Trained(options);
            encoder.eval();
            BatchNormLayer seen = encoder.BatchNormLayers().Single(layer => layer.Name == "bn4c_branch2b").Layer;
            seen.NormaliseBy(true);
            seen.Watch(_ => { });
            Tensor images = randn(4, 3, 64, 64);
            byte[][] first = [.. encoder.Features(images).Select(TensorMemory.Bytes)];
            Assert.Equal(first, encoder.Features(images).Select(TensorMemory.Bytes));
            encoder.to(float64);
            Tensor exact = encoder.Features(images.to(float64))[^1];
            encoder.to(float32);
            Tensor last = encoder.Features(images)[^1];
            Assert.InRange((last - exact).abs().max().item<double>() / exact.abs().max().item<double>(), 0, 1e-4);

            // Only the block of that layer, and torchvision's first with its stride on the 3×3, have no own forms.
            ResidualBlock[] blocks = encoder.Stages[2];
            using var layers = new FoldedLayers([.. blocks.SelectMany(block => block.Layers)], _ => 0);
            using FoldedKernels kernels = layers.For(images);
            kernels.Apply(blocks, ChannelsLast.Of(ones(4, 128, 8, 8)).clone());
            bool[] expected = [options.Architecture == ResNet50Architecture.Keras, true, false, true, true, true];
            Assert.Equal(expected.Select(own => own && MatrixProduct.Suits(16)), blocks.Select(block => kernels.Own(block.Layers) is not null));
        }
    }

    /// <summary>In training, a frozen encoder in inference mode gives the same features as in evaluation, to the last bit; its decoder trains.</summary>
    [Fact]
    public void A_frozen_encoder_computes_in_training_what_it_computes_in_evaluation()
    {
        using var scope = NewDisposeScope();
        using ResNet50Encoder encoder = Trained(new ResNet50Options { Width = 16 });
        encoder.Freeze(BatchNormMode.Inference);
        Tensor images = randn(2, 3, 64, 64);
        encoder.train();
        Tensor[] training = encoder.Features(images);
        encoder.eval();
        Tensor[] evaluation = encoder.Features(images);
        Assert.All(training, feature => Assert.False(feature.requires_grad));
        Assert.All(training.Zip(evaluation), pair => Assert.True(pair.First.equal(pair.Second).all().item<bool>()));
    }

    /// <summary>Where a gradient is wanted, of the images too, or the batch normalises, the layers compute one by one.</summary>
    [Fact]
    public void Gradients_are_there_where_they_are_wanted()
    {
        using var scope = NewDisposeScope();
        using ResNet50Encoder encoder = Trained(new ResNet50Options { Width = 16 });
        encoder.eval();
        Tensor images = randn(2, 3, 64, 64).requires_grad_();
        encoder.call(images).sum().backward();
        Assert.True(images.grad!.abs().sum().item<float>() > 0);
        Assert.All(encoder.parameters(), parameter => Assert.NotNull(parameter.grad));
        encoder.train();
        Tensor before = encoder.state_dict()["bn_conv1.running_mean"].clone();
        using (no_grad()) encoder.call(images);
        Assert.False(before.equal(encoder.state_dict()["bn_conv1.running_mean"]).all().item<bool>());
    }

    /// <summary>With 17 images the smallest maps of the decoder are 34 tiles.</summary>
    [Theory]
    [InlineData(true, 1, 2)]
    [InlineData(false, 3, 2)]
    [InlineData(true, 1, 17)]
    [InlineData(false, 3, 17)]
    public void A_whole_network_predicts_the_same(bool batchNorm, int classes, int batch)
    {
        using var scope = NewDisposeScope();
        using var unet = new UNetResNet50(new UNetOptions { Encoder = new ResNet50Options { Width = 16 }, DecoderBatchNorm = batchNorm, Classes = classes });
        Settle(unet);
        Tensor images = randn(batch, 3, 64, 96);
        unet.eval();
        using var noGrad = no_grad();
        Tensor fast = unet.call(images), slow;
        using (new Watch(unet)) slow = unet.call(images);
        Assert.InRange((fast - slow).abs().max().item<float>() / slow.abs().max().item<float>(), 0, 1e-4);
    }

    /// <summary>As a diagnosis has it: no number changes, only which statistics normalise in which layer.</summary>
    [Theory]
    [InlineData(3)]
    [InlineData(17)]
    public void Layers_that_normalise_by_the_batch_do_so_after_their_convolution(int batch)
    {
        using var scope = NewDisposeScope();
        using var unet = new UNetResNet50(new UNetOptions { Encoder = new ResNet50Options { Width = 16 } });
        Settle(unet);
        Tensor images = randn(batch, 3, 64, 96);
        unet.eval();
        using var noGrad = no_grad();
        BatchNormLayer[] layers = [.. unet.BatchNormLayers().Select(l => l.Layer)];
        var outputs = new List<Tensor>();
        foreach (Func<int, bool> byBatch in new Func<int, bool>[] { _ => true, i => i % 3 == 0, i => i == 60, i => i % 3 != 0, _ => false, i => i == 5 })
        {
            for (int i = 0; i < layers.Length; i++) layers[i].NormaliseBy(byBatch(i));
            Tensor fast = unet.call(images);
            // In double precision the layers compute one by one.
            unet.to(float64);
            Tensor exact = unet.call(images.to(float64));
            unet.to(float32);
            Assert.InRange((fast - exact).abs().max().item<double>() / exact.abs().max().item<double>(), 0, 1e-4);
            Assert.All(outputs, other => Assert.False(other.allclose(fast, 1e-3)));
            outputs.Add(fast);
        }

        GroupNormalization.Apply(unet, groups: 8);
        Tensor grouped = unet.call(images), layered;
        using (new Watch(unet)) layered = unet.call(images);
        Assert.InRange((grouped - layered).abs().max().item<float>() / layered.abs().max().item<float>(), 0, 1e-4);
    }

    private static Tensor Compare(ResNet50Encoder encoder, Tensor images)
    {
        encoder.eval();
        using var noGrad = no_grad();
        Tensor[] fast = encoder.Features(images), slow;
        using (new Watch(encoder)) slow = encoder.Features(images);
        foreach ((Tensor expected, Tensor actual) in slow.Zip(fast))
        {
            Assert.Equal(expected.shape, actual.shape);
            Assert.InRange((expected - actual).abs().max().item<float>() / expected.abs().max().item<float>(), 0, 1e-4);
        }

        return fast[^1];
    }

    private static ResNet50Encoder Trained(ResNet50Options options)
    {
        var encoder = new ResNet50Encoder(options);
        Settle(encoder);
        return encoder;
    }

    /// <summary>Statistics and affine parameters as a trained network has them: none is the neutral number.</summary>
    private static void Settle(Module module)
    {
        using var noGrad = no_grad();
        foreach ((_, BatchNormLayer layer) in module.BatchNormLayers())
        {
            layer.Weight!.uniform_(0.5, 1.5);
            layer.Bias!.uniform_(-0.5, 0.5);
            layer.RunningMean.uniform_(-0.5, 0.5);
            layer.RunningVar.uniform_(0.5, 2);
        }

        foreach ((string name, Tensor bias) in module.state_dict().Where(s => s.Key.EndsWith("bias", StringComparison.Ordinal))) bias.uniform_(-0.5, 0.5);
    }

    /// <summary>Maps that a block hands on without a copy of its own belong to the pass.</summary>
    [Fact]
    [Trait("Category", "Reliability")]
    public void Nothing_of_a_pass_is_left_but_its_result()
    {
        using var unet = new UNetResNet50(new UNetOptions { Encoder = new ResNet50Options { Width = 16 } });
        using Tensor images = randn(2, 3, 64, 64);
        using var noGrad = no_grad();
        unet.eval();
        unet.call(images).Dispose(); // folds
        long before = LiveTensors.Settled();
        using Tensor logits = unet.call(images);
        // Without a collection.
        Assert.Equal(before + 1, Tensor.TotalCount);
    }

    /// <summary>Kernels, statistics and modules: the last to go frees all of them, without a collection.</summary>
    [Fact]
    [Trait("Category", "Reliability")]
    public void A_disposed_network_leaves_nothing()
    {
        using var unet = new UNetResNet50(new UNetOptions { Encoder = new ResNet50Options { Width = 16 } });
        using Tensor images = zeros(2, 3, 32, 32);
        int state = unet.state_dict().Count;
        long before = LiveTensors.Settled();
        foreach (BatchNormMode mode in new[] { BatchNormMode.Inference, BatchNormMode.BatchOnly })
        {
            unet.SetBatchNormMode(mode);
            unet.Predict(images).Dispose();
        }

        unet.Dispose();
        Assert.Equal(before - state, Tensor.TotalCount);
    }

    /// <summary>Forward hooks that do nothing, on every convolution.</summary>
    private sealed class Watch : IDisposable
    {
        private readonly List<Action> removals = [];

        internal Watch(Module module)
        {
            foreach (Conv2d convolution in module.modules().OfType<Conv2d>()) removals.Add(convolution.register_forward_hook((_, _, output) => output).remove);
        }

        public void Dispose() => removals.ForEach(remove => remove());
    }
}
