using UnetResnet.Data;
using UnetResnet.Diagnosis;
using UnetResnet.Models;
using UnetResnet.Normalization;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Diagnosis;

public class SwitchedPassesTests
{
    /// <summary>Alone on running statistics, alone on the batch's, the first so many on the batch's: layers of every part of the network, and those before all parts.</summary>
    [Theory]
    [InlineData(null)]
    [InlineData(BatchNormMode.BatchOnly)]
    [InlineData(BatchNormMode.Inference)]
    public void They_are_the_passes_one_by_one(BatchNormMode? decoder)
    {
        using var scope = NewDisposeScope();
        using UNetResNet50 unet = Miniature.UNet();
        using Batch batch = Miniature.Images(3);
        Recalibration.Apply(unet, [batch.Inputs.mul(1.5)]);
        if (decoder is { } mode) unet.Decoder.SetBatchNormMode(mode);
        using var probed = new ProbedModel(unet, batch.Inputs);
        using SwitchedPasses passes = SwitchedPasses.Of(probed, batch.Inputs)!;
        IReadOnlyList<ProbedLayer> layers = probed.Switching;
        foreach (int[] places in new int[][] { [0], [5, 6, 7, 8, 9, 10, 11, 12, 13], [20, 52], [30, 1, 44], [.. Enumerable.Range(53, layers.Count - 53)] })
        {
            foreach (Func<int, Func<ProbedLayer, bool>> choice in new Func<int, Func<ProbedLayer, bool>>[]
            {
                place => layer => layer != layers[place],
                place => layer => layer == layers[place],
                place => layer => Enumerable.Range(0, place).Any(k => layers[k] == layer),
            })
            {
                Func<ProbedLayer, bool>[] choices = [.. places.Select(choice)];
                var outputs = new Tensor[choices.Length];
                passes.Run(choices, (i, output) => outputs[i] = output.clone().MoveToOuterDisposeScope());
                for (int i = 0; i < choices.Length; i++)
                {
                    probed.UseBatchStatistics(choices[i]);
                    using Tensor alone = probed.Forward(batch.Inputs);
                    // float32 through 63 layers, whose additions may come in another order, with statistics of 12 values in the deepest.
                    Assert.InRange((alone - outputs[i]).abs().max().item<float>() / alone.abs().max().item<float>(), 0, 1e-3);
                }
            }
        }

        Assert.All(unet.BatchNormLayers(), layer => Assert.Null(layer.Layer.ReplacedBy));
    }

    [Fact]
    public void Networks_that_have_no_middle_or_are_watched_go_the_plain_way()
    {
        using var scope = NewDisposeScope();
        using Module<Tensor, Tensor> foreign = ForeignNetworks.Cnn();
        using UNetResNet50 unet = Miniature.UNet();
        using Batch batch = Miniature.Images(2), squares = ForeignNetworks.Squares(2);
        using (var probed = new ProbedModel(foreign, squares.Inputs)) Assert.Null(SwitchedPasses.Of(probed, squares.Inputs));
        using (var probed = new ProbedModel(unet, batch.Inputs))
        {
            using (SwitchedPasses passes = SwitchedPasses.Of(probed, batch.Inputs)!) passes.Run([], (_, _) => Assert.Fail("There was nothing to run."));
            var hook = unet.Decoder.Stages[2].Second.Convolution.register_forward_hook((_, _, output) => output);
            Assert.Null(SwitchedPasses.Of(probed, batch.Inputs));
            hook.remove();
            Assert.NotNull(SwitchedPasses.Of(probed, batch.Inputs));
        }
    }

    [Fact]
    public void No_tensor_stays_behind()
    {
        using UNetResNet50 unet = Miniature.UNet();
        using Batch batch = Miniature.Images(2);
        LayerAttribution.Measure(unet, batch, images: 2);
        long before = LiveTensors.Settled();
        LayerAttribution.Measure(unet, batch, images: 2);
        Assert.Equal(before, LiveTensors.Settled());
    }
}
