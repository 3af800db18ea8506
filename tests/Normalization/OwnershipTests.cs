using TorchSharp.Modules;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Tests.Diagnosis;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using FrozenBatchNorm2d = UnetResnet.Normalization.FrozenBatchNorm2d;

namespace UnetResnet.Tests.Normalization;

/// <summary>Whatever is done to a network and taken back leaves no tensor and no hook behind.</summary>
public class OwnershipTests
{
    [Fact]
    public void A_disposed_layer_frees_its_tensors()
    {
        using Tensor images = rand(2, 16, 3, 3);
        var layer = new ModalBatchNorm2d(16, BatchNormOptions.Keras213);
        layer.call(images).Dispose();
        FrozenBatchNorm2d frozen = FrozenBatchNorm2d.From(layer);
        Tensor[] owned = [layer.Weight, layer.Bias, layer.RunningMean, layer.RunningVar, .. layer.Averages.Select(a => a.Average.State!.Value.Sum)], copies = [frozen.Weight, frozen.Bias, frozen.RunningMean, frozen.RunningVar];
        Assert.Equal(6, owned.Length);
        layer.Dispose();
        Assert.All(owned, tensor => Assert.True(tensor.IsInvalid));
        Assert.DoesNotContain(copies, tensor => tensor.IsInvalid);
        frozen.Dispose();
        Assert.All(copies, tensor => Assert.True(tensor.IsInvalid));
    }

    [Fact]
    public void Folded_and_unfolded()
    {
        using Sequential net = ForeignNetworks.Cnn();
        using Tensor images = rand(2, 3, 8, 8);
        Leaves_nothing(net, () =>
        {
            Folding.Apply(net, images);
            Folding.Undo(net);
        });
    }

    [Fact]
    public void Recalibrated_and_back()
    {
        using Sequential net = ForeignNetworks.Cnn();
        using Tensor images = rand(4, 3, 8, 8), wrong = rand(4, 5, 8, 8);
        Leaves_nothing(net, () =>
        {
            Recalibration.Apply(net, [images], new RecalibrationOptions { LayerByLayer = true, PseudoCount = 1 });
            Recalibration.Reset(net);
            Assert.Equal(3, Recalibration.Undo(net));
            Assert.Equal(0, Recalibration.Undo(net));
            Recalibration.Reset(net);
            Assert.Equal(3, Recalibration.Undo(net));
            using RecalibrationMoments moments = RecalibrationMoments.Measure(net, [images]);
            Recalibration.Apply(net, moments);
            Recalibration.Undo(net);
        });
        // The exceptions hold nothing either.
        Leaves_nothing(net, () =>
        {
            Assert.ThrowsAny<Exception>(() => Recalibration.Apply(net, [images, wrong]));
            Assert.ThrowsAny<Exception>(() => RecalibrationMoments.Measure(net, [images, wrong]));
        });
    }

    [Fact]
    public void Converted_to_group_norm_a_foreign_network_keeps_no_tensor_of_a_pass()
    {
        using BatchNorm2d norm = BatchNorm2d(16);
        using Tensor images = rand(2, 16, 4, 4);
        GroupNormalization.Apply(norm);
        Leaves_nothing(norm, () => norm.call(images).Dispose(), hooks: true);
    }

    [Fact]
    public void Copies_that_were_handed_over_are_not_freed_by_the_first_owner()
    {
        using var scope = NewDisposeScope();
        using var norm = new ModalBatchNorm2d(16);
        var table = new System.Runtime.CompilerServices.ConditionalWeakTable<Module, RunningStatistics>();
        using (var copies = new RunningStatistics(BatchNormLayer.In(norm))) copies.KeepIn(table);
        using (no_grad()) norm.RunningMean.fill_(7);
        Assert.True(table.TryGetValue(norm, out RunningStatistics? kept));
        kept.Restore();
        Assert.Equal(new float[16], norm.RunningMean.Values());
        kept.Dispose();
    }

    [Fact]
    public void A_folded_layer_is_unfolded_once()
    {
        using var scope = NewDisposeScope();
        using Sequential net = ForeignNetworks.Cnn();
        Folding.Apply(net, rand(2, 3, 8, 8));
        var folded = (FoldedNorm)BatchNormLayer.All(net).First().Replacement!;
        folded.Dispose();
        var state = Numbers.State(net);
        folded.Dispose();
        Assert.Empty(Numbers.Changed(state, Numbers.State(net)));
        Assert.Equal(2, Folding.Undo(net));
    }

    private static void Leaves_nothing(Module net, Action action, bool hooks = false)
    {
        action();
        long before = LiveTensors.Settled();
        for (int i = 0; i < 2; i++) action();
        Assert.Equal(before, Tensor.TotalCount);
        Assert.Equal(hooks, Hooks.OnAny([net, .. net.modules()]));
    }
}
