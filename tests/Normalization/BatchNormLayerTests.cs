using TorchSharp.Modules;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using static UnetResnet.Normalization.BatchNormMode;
using FrozenBatchNorm2d = UnetResnet.Normalization.FrozenBatchNorm2d;

namespace UnetResnet.Tests.Normalization;

/// <summary>Every kind of batch-norm layer, seen through the one view.</summary>
public class BatchNormLayerTests
{
    [Fact]
    public void A_layer_names_itself_its_mode_and_what_has_taken_its_place()
    {
        using Module<Tensor, Tensor> net = Sequential(("conv", Conv2d(3, 16, 1)), ("norm", new ModalBatchNorm2d(16, mode: Inference)));
        BatchNormLayer layer = net.BatchNormLayers()[0].Layer;
        Assert.Equal("norm: ModalBatchNorm2d(16), Inference", layer.ToString());
        Assert.Null(layer.ReplacedBy);
        GroupNormalization.Apply(net, 4);
        Assert.Equal("norm: ModalBatchNorm2d(16), GroupNorm(4)", layer.ToString());
        Assert.Equal("GroupNorm(4)", layer.ReplacedBy);
        Assert.Equal(4, GroupNormalization.GroupsOf(layer));
        GroupNormalization.Undo(net);
        Assert.Null(GroupNormalization.GroupsOf(layer));
        Assert.Equal("ModalBatchNorm2d(16), Inference", Assert.Single(BatchNormLayer.All(layer.Module)).ToString());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void It_says_what_the_next_pass_uses_and_moves(bool foreign)
    {
        using Module<Tensor, Tensor> norm = foreign ? BatchNorm2d(16) : new ModalBatchNorm2d(16);
        BatchNormLayer layer = BatchNormLayer.All(norm).Single();
        foreach (BatchNormMode mode in Enum.GetValues<BatchNormMode>())
        {
            layer.Mode = mode;
            Assert.Equal((mode.TrainsAffine(), mode.TrainsAffine()), (layer.Weight!.requires_grad, layer.Bias!.requires_grad));
            foreach (bool training in new[] { true, false })
            {
                norm.train(training);
                Assert.Equal(mode.UsesBatchStatistics(training), layer.UsesBatchNow);
                Assert.Equal(training && mode.UpdatesStatistics(), layer.UpdatesNow);
            }
        }

        layer.Mode = Trainable;
        norm.train();
        layer.Options = layer.Options with { Momentum = 0 };
        Assert.False(layer.UpdatesNow);
    }

    [Fact]
    public void Without_running_statistics_it_uses_the_batch_and_moves_nothing()
    {
        using var norm = BatchNorm2d(16, track_running_stats: false);
        BatchNormLayer layer = BatchNormLayer.All(norm).Single();
        foreach (bool training in new[] { true, false })
        {
            norm.train(training);
            Assert.Equal((true, false), (layer.UsesBatchNow, layer.UpdatesNow));
        }

        // Nothing to normalise by instead.
        layer.NormaliseBy(batch: false);
        Assert.Equal(Trainable, layer.Mode);
        layer.NormaliseBy(batch: true);
        Assert.Equal(BatchOnly, layer.Mode);
        layer.ResetStatistics();
        Assert.False(layer.HasStatistics);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void In_inference_it_is_a_scale_and_a_shift(bool affine, bool biased)
    {
        using var scope = NewDisposeScope();
        using var norm = BatchNorm2d(3, eps: 0.25, affine: affine);
        double[] mean = [1, -2, 3], deviation = [1, 2, 4], gamma = affine ? [2, 4, -8] : [1, 1, 1], beta = affine ? [0.5, 0, 1] : [0, 0, 0], bias = biased ? [5, 6, 7] : [0, 0, 0];
        using (no_grad())
        {
            norm.running_mean!.copy_(tensor(mean));
            norm.running_var!.copy_(tensor(deviation).square() - 0.25);
            norm.weight?.copy_(tensor(gamma));
            norm.bias?.copy_(tensor(beta));
        }

        (Tensor scale, Tensor shift) = BatchNormLayer.All(norm).Single().InInference(biased ? tensor(bias) : null);
        Assert.Equal(Enumerable.Range(0, 3).Select(c => gamma[c] / deviation[c]), TensorMemory.Doubles(scale));
        Assert.Equal(Enumerable.Range(0, 3).Select(c => beta[c] + (bias[c] - mean[c]) * gamma[c] / deviation[c]), TensorMemory.Doubles(shift));
    }

    [Fact]
    public void A_frozen_layer_is_in_inference_mode_for_good()
    {
        using var scope = NewDisposeScope();
        using FrozenBatchNorm2d frozen = new(tensor([1f, 2]), tensor([3f, 4]), tensor([5f, 6]), tensor([7f, 8]), eps: 0.25);
        using Module<Tensor, Tensor> net = Sequential(("frozen", frozen));
        BatchNormLayer layer = Assert.Single(BatchNormLayer.All(net));
        Assert.Equal("frozen: FrozenBatchNorm2d(2), Inference", layer.ToString());
        Assert.Equal(BatchNormOptions.Torch with { Eps = 0.25, Momentum = 0 }, layer.Options);
        Assert.Equal([frozen.Weight, frozen.Bias, frozen.RunningMean, frozen.RunningVar], [layer.Weight!, layer.Bias!, layer.RunningMean, layer.RunningVar]);
        net.train();
        Assert.Equal((false, false), (layer.UsesBatchNow, layer.UpdatesNow));

        var before = Numbers.State(net);
        layer.Mode = Inference;
        layer.NormaliseBy(batch: true);
        layer.RememberOptions()();
        Assert.Equal(Inference, layer.Mode);
        Assert.Contains("'frozen'", Assert.Throws<ArgumentException>("value", () => layer.Mode = Trainable).Message);
        Assert.Contains("'frozen'", Assert.Throws<ArgumentException>("value", () => layer.Options = BatchNormOptions.Torch).Message);
        Assert.Throws<NotSupportedException>(layer.ResetStatistics);
        Assert.Throws<NotSupportedException>(() => layer.Replacement = null);
        Assert.Empty(Numbers.Changed(before, Numbers.State(net)));
    }

    [Fact]
    public void A_layer_remembers_its_options_and_its_averages()
    {
        using var scope = NewDisposeScope();
        using var norm = new ModalBatchNorm2d(1, BatchNormOptions.Keras213);
        BatchNormLayer layer = BatchNormLayer.All(norm).Single();
        norm.call(tensor([0f, 2], [2, 1, 1, 1]));
        Action putBack = layer.RememberOptions();
        norm.call(tensor([40f, 60], [2, 1, 1, 1]));
        layer.Options = BatchNormOptions.Torch;
        putBack();
        Assert.Equal(BatchNormOptions.Keras213, norm.Options);
        norm.call(tensor([1f, 5], [2, 1, 1, 1]));
        // Averages of the first batch (mean 1, variance 2) and the third (mean 3, variance 8) with the weights 0.0099 and 0.01: the second was forgotten.
        Numbers.AssertClose([(0.0099 * 1 + 0.01 * 3) / 0.0199], norm.RunningMean, 1e-6);
        Numbers.AssertClose([(0.0099 * 2 + 0.01 * 8) / 0.0199], norm.RunningVar, 1e-6);
    }

    [Fact]
    public void A_foreign_layer_remembers_its_options()
    {
        using var norm = BatchNorm2d(16, eps: 1e-3, momentum: 0.3);
        Action putBack = BatchNormLayer.All(norm).Single().RememberOptions();
        (norm.eps, norm.momentum) = (0.5, null);
        putBack();
        Assert.Equal((1e-3, 0.3), (norm.eps, norm.momentum));
    }

    [Fact]
    public void The_momentum_of_a_cumulative_average_is_the_weight_of_the_next_batch()
    {
        using var scope = NewDisposeScope();
        using BatchNorm2d norm = BatchNorm2d(3), stateless = BatchNorm2d(3, track_running_stats: false);
        norm.momentum = stateless.momentum = null;
        BatchNormLayer layer = BatchNormLayer.All(norm).Single();
        foreach (double weight in new[] { 1, 1.0 / 2, 1.0 / 3 })
        {
            Assert.Equal(weight, layer.Options.Momentum);
            norm.call(rand(2, 3, 2, 2));
        }

        Assert.Equal(1, BatchNormLayer.All(stateless).Single().Options.Momentum);
        // A reset layer counts from the start.
        Recalibration.Reset(norm);
        Assert.Equal([0f, 0, 0, 1, 1, 1], [.. norm.running_mean!.Values<float>(), .. norm.running_var!.Values<float>()]);
        Assert.Equal(1, layer.Options.Momentum);
    }

    [Fact]
    public void A_foreign_layer_without_parameters_is_trainable_until_it_is_told_otherwise()
    {
        using BatchNorm2d bare = BatchNorm2d(16, affine: false), frozen = BatchNorm2d(16);
        frozen.weight!.requires_grad_(false);
        Assert.Equal(Trainable, BatchNormLayer.All(bare).Single().Mode);
        Assert.Equal(TorchFrozenParameters, BatchNormLayer.All(frozen).Single().Mode);
        bare.Freeze(Inference);
        Assert.Equal(Inference, BatchNormLayer.All(bare).Single().Mode);
    }

    /// <summary>A pass in training mode that an exception ends inside the layer's own pass, then one that succeeds.</summary>
    [Theory]
    [InlineData(Inference)]
    [InlineData(Keras213)]
    public void A_pass_after_one_that_failed_is_as_any_other(BatchNormMode mode)
    {
        using var scope = NewDisposeScope();
        using var norm = BatchNorm2d(3, momentum: 0.3);
        norm.Freeze(mode);
        var state = Numbers.State(norm);
        var hook = norm.register_forward_pre_hook((_, _) => throw new InvalidOperationException("in the middle"));
        Assert.Throws<InvalidOperationException>(() => norm.call(rand(2, 3, 2, 2)));
        hook.remove();
        norm.call(rand(2, 3, 2, 2));
        Assert.Equal((true, 0.3), (norm.training, norm.momentum));
        Assert.Empty(Numbers.Changed(state, Numbers.State(norm)));
        norm.Unfreeze();
        Assert.Equal((true, 0.3), (norm.training, norm.momentum));

        // Taken back after another such pass, nothing of it is left.
        norm.Freeze(mode);
        hook = norm.register_forward_pre_hook((_, _) => throw new InvalidOperationException("in the middle"));
        Assert.Throws<InvalidOperationException>(() => norm.call(rand(2, 3, 2, 2)));
        hook.remove();
        norm.Unfreeze();
        norm.eval();
        norm.Freeze(mode);
        norm.Unfreeze();
        Assert.Equal((false, 0.3), (norm.training, norm.momentum));
    }

    [Fact]
    public void Taking_a_mode_back_leaves_the_flag_that_the_user_has_set_since()
    {
        using var scope = NewDisposeScope();
        using var norm = BatchNorm2d(3);
        norm.Freeze(Inference);
        norm.call(rand(2, 3, 2, 2));
        norm.eval();
        norm.Unfreeze();
        Assert.False(norm.training);
    }
}
