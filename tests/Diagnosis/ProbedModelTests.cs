using TorchSharp.Modules;
using UnetResnet.Data;
using UnetResnet.Diagnosis;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Tests.Normalization;
using UnetResnet.Tests.Training;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Diagnosis;

public class ProbedModelTests
{
    [Fact]
    public void Layers_of_our_U_Net_come_in_the_order_of_the_forward_pass()
    {
        using var unet = new UNetResNet50(new UNetOptions { Encoder = new ResNet50Options { Width = 16 } });
        unet.Encoder.Freeze(BatchNormMode.Keras213);
        using Tensor images = zeros(2, 3, 32, 32);
        using var probed = new ProbedModel(unet, images);
        Assert.Equal(63, probed.Layers.Count);
        Assert.Equal(["encoder.bn_conv1", "encoder.bn2a_branch2a", "encoder.bn2a_branch2b", "encoder.bn2a_branch2c", "encoder.bn2a_branch1", "encoder.bn2b_branch2a"], probed.Layers.Take(6).Select(l => l.Name));
        Assert.Equal("decoder.conv10_2_bn", probed.Layers[^1].Name);
        Assert.Equal(Enumerable.Range(0, 63), probed.Layers.Select(l => l.Place));
        Assert.All(probed.Layers, l => Assert.Equal((1, true), (l.Uses, l.Switches)));
        Assert.All(probed.Layers, l => Assert.Equal(l.Name.StartsWith("decoder", StringComparison.Ordinal), l.UpdatesInTraining));
        Assert.Equal(256, probed.Layers[0].ValuesPerImage); // 16×16 after the first stride
        Assert.Empty(probed.Notes);
        Assert.True(probed.HasDropout);
    }

    [Fact]
    public void Layers_of_foreign_networks_are_found_and_named()
    {
        using Sequential cnn = ForeignNetworks.Cnn();
        using DenseNet dense = ForeignNetworks.DenseNet();
        using Batch batch = ForeignNetworks.Squares();
        using (var probed = new ProbedModel(cnn, batch.Inputs)) Assert.Equal(["bn1", "bn2", "bn3"], probed.Layers.Select(l => l.Name));
        using (var probed = new ProbedModel(dense, batch.Inputs))
        {
            Assert.Equal(["dense1.0.norm", "dense1.1.norm", "transition.norm", "dense2.0.norm", "dense2.1.norm", "norm"], probed.Layers.Select(l => l.Name));
            Assert.Equal((48L, 1e-5), (probed.Layers[2].Channels, probed.Layers[2].Eps));
            Assert.Equal([256, 256, 256, 64, 64, 64], probed.Layers.Select(l => (int)l.ValuesPerImage));
        }
    }

    [Fact]
    public void Both_paths_are_those_of_the_model_itself_and_nothing_moves()
    {
        using Batch pretrained = ForeignNetworks.Squares(seed: 1, offset: 3), batch = ForeignNetworks.Squares();
        using Sequential model = ForeignNetworks.Cnn();
        ForeignNetworks.Settle(model, pretrained.Inputs);
        float[] inference, training;
        using (no_grad())
        {
            model.eval();
            inference = model.call(batch.Inputs).Values();
            using var state = new ModelState(model);
            model.train();
            training = model.call(batch.Inputs).Values();
        }

        Assert.NotEqual(inference, training);
        Untouched.By(model, () =>
        {
            using var probed = new ProbedModel(model, batch.Inputs);
            Assert.Equal(inference, probed.Forward(batch.Inputs).Values());
            probed.AsInTraining();
            Assert.Equal(training, probed.Forward(batch.Inputs).Values());
            probed.AsInInference();
            Assert.Equal(inference, probed.Forward(batch.Inputs).Values());
            return 0;
        });
    }

    [Fact]
    public void A_layer_that_train_leaves_in_inference_mode_does_not_switch()
    {
        using Batch batch = ForeignNetworks.Squares();
        using var frozen = new FrozenEncoder();
        using (var probed = new ProbedModel(frozen, batch.Inputs))
        {
            Assert.Equal([("encoder.1", false), ("head.0", true)], probed.Layers.Select(l => (l.Name, l.Switches)));
        }

        using var modes = Sequential(
            ("inference", new ModalBatchNorm2d(3, mode: BatchNormMode.Inference)), ("batch", new ModalBatchNorm2d(3, mode: BatchNormMode.BatchOnly)),
            ("frozen", UnetResnet.Normalization.FrozenBatchNorm2d.From(new ModalBatchNorm2d(3))), ("torch", BatchNorm2d(3, track_running_stats: false)), ("bug", new ModalBatchNorm2d(3, mode: BatchNormMode.Keras213)));
        using (var probed = new ProbedModel(modes, batch.Inputs))
        {
            Assert.Equal([(false, false), (true, true), (false, false), (true, true), (true, false)], probed.Layers.Select(l => (l.BatchInTraining, l.BatchInInference)));
            Assert.Equal(["bug"], probed.Switching.Select(l => l.Name));
            Assert.Contains("2 batch-norm layers normalise by the batch in inference too (batch, torch)", Assert.Single(probed.Notes), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_layer_in_two_places_and_one_in_none_are_said()
    {
        using Batch batch = ForeignNetworks.Squares();
        using var model = new SharedNorm();
        using var probed = new ProbedModel(model, batch.Inputs);
        Assert.Equal([("shared", 2)], probed.Layers.Select(l => (l.Name, l.Uses)));
        Assert.Contains(probed.Notes, note => note.StartsWith("'shared' is used 2 times in one forward pass", StringComparison.Ordinal));
        Assert.Contains(probed.Notes, note => note.Contains("does not use 1 batch-norm layer (unused)", StringComparison.Ordinal));
    }

    [Fact]
    public void Bad_input_is_refused_with_its_cause_and_cure()
    {
        using Batch batch = ForeignNetworks.Squares();
        using Sequential model = ForeignNetworks.Cnn(), without = Sequential(Conv2d(3, 16, 3), ReLU(), Conv2d(16, 1, 1));
        Assert.Contains("no batch-norm layer", Refused(without, batch.Inputs), StringComparison.Ordinal);
        Assert.Contains("at least 2 images", Refused(model, batch.Inputs.narrow(0, 0, 1)), StringComparison.Ordinal);
        Assert.Contains("images hold a value that is not finite", Refused(model, batch.Inputs.div(0)), StringComparison.Ordinal);
        using (no_grad()) model.parameters().ElementAt(4).fill_(float.NaN);
        string message = Untouched.By(model, () => Refused(model, batch.Inputs));
        Assert.Contains("'conv2.weight' holds a value that is not finite", message, StringComparison.Ordinal);

        using Sequential halved = ForeignNetworks.Cnn();
        halved.modules().OfType<BatchNorm2d>().First().running_var = null;
        Assert.Contains("'bn1' lacks a running mean or a running variance", Refused(halved, batch.Inputs), StringComparison.Ordinal);
        Assert.Contains("yields no batch", Assert.Throws<ArgumentException>(() => ProbeImages.First([], 4)).Message, StringComparison.Ordinal);

        // 32×32 images are 1×1 in the last stage of a ResNet50: two images make two values, one would make one.
        using var unet = new UNetResNet50(new UNetOptions { Encoder = new ResNet50Options { Width = 16 } });
        using Tensor small = randn(2, 3, 32, 32);
        using var probed = new ProbedModel(unet, small);
        probed.CheckBatchSize(2);
        Assert.Contains("'encoder.bn5a_branch2a' sees a single value per channel", Assert.Throws<ArgumentException>(() => probed.CheckBatchSize(1)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_first_images_of_a_loader_become_one_batch()
    {
        BatchLoader loader = Toys.Loader(2, (1, 0), (2, 1), (3, 0), (4, 1), (5, 0));
        using Batch batch = ProbeImages.First(loader.Epoch(), 3);
        Assert.Equal([1f, 2, 3], batch.Inputs.Values().Where((_, i) => i % 12 == 0));
        Assert.Equal([0f, 1, 0], batch.Targets.Values().Where((_, i) => i % 4 == 0));
        using Batch all = ProbeImages.First(loader.Epoch(), 99);
        Assert.Equal(5, all.Size);
    }

    private static string Refused(Module<Tensor, Tensor> model, Tensor images) =>
        Assert.Throws<ArgumentException>(() => new ProbedModel(model, images).Dispose()).Message;

    /// <summary>Freezes its encoder as segmentation_models.pytorch does: <c>train()</c> skips it.</summary>
    private sealed class FrozenEncoder : Module<Tensor, Tensor>
    {
#pragma warning disable IDE1006 // Field names are the state keys.
        private readonly Sequential encoder = Sequential(Conv2d(3, 16, 3), BatchNorm2d(16), ReLU());
        private readonly Sequential head = Sequential(BatchNorm2d(16), Conv2d(16, 1, 1));
#pragma warning restore IDE1006

        internal FrozenEncoder() : base(nameof(FrozenEncoder)) => RegisterComponents();

        public override Tensor forward(Tensor images) => head.call(encoder.call(images));

        public override void train(bool on = true)
        {
            base.train(on);
            encoder.eval();
        }
    }
}
