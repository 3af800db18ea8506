using UnetResnet.Normalization;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Normalization;

public class FrozenBatchNorm2dTests
{
    private const int Channels = 4;

    [Fact]
    public void The_same_input_gives_the_same_bits_at_every_call_in_every_scope()
    {
        using FrozenBatchNorm2d frozen = Frozen();
        using Tensor x = Input();
        using Tensor once = frozen.call(x);
        float[] first = once.Values();
        var state = Numbers.State(frozen);
        for (int i = 0; i < 10; i++)
        {
            using (NewDisposeScope())
            {
                Assert.Equal(first, frozen.call(x).Values());
                using (NewDisposeScope())
                {
                    frozen.train(i % 2 == 0);
                    Assert.Equal(first, frozen.call(x).Values());
                }
            }
        }

        Assert.Empty(Numbers.Changed(state, Numbers.State(frozen)));
    }

    [Fact]
    public void It_computes_the_definition()
    {
        using var scope = NewDisposeScope();
        FrozenBatchNorm2d frozen = new(tensor([1f, 2]), tensor([0f, -1]), tensor([3f, 0]), tensor([3.75f, 0]), eps: 0.25);
        // (5 − 3) / √4 = 1;  2 · (5 − 0) / √0.25 − 1 = 19.
        Assert.Equal([1f, 19f], frozen.call(ones(1, 2, 1, 1) * 5).Values());
    }

    [Fact]
    public void It_equals_the_modal_layer_in_inference()
    {
        using var scope = NewDisposeScope();
        foreach (BatchNormOptions options in new[] { BatchNormOptions.Keras213, BatchNormOptions.Torch })
        {
            ModalBatchNorm2d modal = Modal(options);
            FrozenBatchNorm2d frozen = FrozenBatchNorm2d.From(modal);
            Tensor x = Input();
            modal.Mode = BatchNormMode.Inference;
            Assert.Equal(modal.call(x).Values(), frozen.call(x).Values());
        }
    }

    [Fact]
    public void It_has_buffers_and_no_parameters()
    {
        using FrozenBatchNorm2d frozen = Frozen();
        Assert.Empty(frozen.parameters());
        Assert.Equal(["bias", "running_mean", "running_var", "weight"], frozen.named_buffers().Select(b => b.name).Order());
        Assert.Equal(["bias", "running_mean", "running_var", "weight"], frozen.state_dict().Keys.Order());
    }

    [Fact]
    public void Gradients_pass_through_it()
    {
        using var scope = NewDisposeScope();
        FrozenBatchNorm2d frozen = new(tensor([6f]), tensor([1f]), tensor([2f]), tensor([8.75f]), eps: 0.25);
        Tensor x = ones(1, 1, 2, 2, requires_grad: true);
        frozen.call(x).sum().backward();
        // γ / √(v + ε) = 6 / 3.
        Assert.Equal([2f, 2, 2, 2], x.grad!.Values());
    }

    [Fact]
    public void Later_changes_of_the_original_do_not_reach_it()
    {
        using var scope = NewDisposeScope();
        ModalBatchNorm2d modal = Modal(BatchNormOptions.Keras213);
        FrozenBatchNorm2d frozen = FrozenBatchNorm2d.From(modal);
        Tensor x = Input();
        float[] before = frozen.call(x).Values();
        modal.call(x);
        using (no_grad()) modal.Weight.fill_(9);
        Assert.Equal(before, frozen.call(x).Values());
    }

    [Fact]
    public void It_outlives_the_scope_it_was_made_in()
    {
        FrozenBatchNorm2d frozen;
        using (NewDisposeScope()) frozen = Frozen();
        using (frozen)
        using (Tensor x = Input())
        using (Tensor y = frozen.call(x))
        {
            Assert.True(isfinite(y).all().item<bool>());
        }
    }

    [Fact]
    public void A_layer_of_TorchSharp_can_be_frozen()
    {
        using var scope = NewDisposeScope();
        using var layer = nn.BatchNorm2d(Channels, eps: 0.1);
        layer.call(Input());
        FrozenBatchNorm2d frozen = FrozenBatchNorm2d.From(layer);
        layer.eval();
        Tensor x = Input();
        Assert.Equal(layer.call(x).Values(), frozen.call(x).Values());

        using var plain = nn.BatchNorm2d(Channels, affine: false);
        using var stateless = nn.BatchNorm2d(Channels, track_running_stats: false);
        Assert.Contains("affine", Assert.Throws<ArgumentException>("layer", () => FrozenBatchNorm2d.From(plain)).Message);
        Assert.Contains("track_running_stats", Assert.Throws<ArgumentException>("layer", () => FrozenBatchNorm2d.From(stateless)).Message);
    }

    [Fact]
    public void Other_shapes_are_refused()
    {
        using var scope = NewDisposeScope();
        Tensor four = ones(4);
        Assert.Contains("(3)", Assert.Throws<ArgumentException>(() => new FrozenBatchNorm2d(four, four, ones(3), four, 1e-3)).Message);
        Assert.Contains("(1, 4)", Assert.Throws<ArgumentException>(() => new FrozenBatchNorm2d(ones(1, 4), four, four, four, 1e-3)).Message);
        using FrozenBatchNorm2d frozen = Frozen();
        Assert.Contains("(N, 4, H, W)", Assert.Throws<ArgumentException>("input", () => frozen.call(ones(2, 5, 3, 3))).Message);
        Assert.Contains("(2, 4)", Assert.Throws<ArgumentException>("input", () => frozen.call(ones(2, 4))).Message);
    }

    private static Tensor Input() => tensor(Numbers.Normal(new Random(1), 2, Channels, 9), [2, Channels, 3, 3]);

    private static FrozenBatchNorm2d Frozen()
    {
        using ModalBatchNorm2d modal = Modal(BatchNormOptions.Keras213);
        return FrozenBatchNorm2d.From(modal);
    }

    private static ModalBatchNorm2d Modal(BatchNormOptions options)
    {
        var layer = new ModalBatchNorm2d(Channels, options);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        layer.Weight.copy_(tensor([0.5f, 1, 2, -1]));
        layer.Bias.copy_(tensor([1f, 0, -2, 3]));
        layer.RunningMean.copy_(tensor([-1f, 0, 2, 5]));
        layer.RunningVar.copy_(tensor([0.1f, 1, 4, 2]));
        return layer;
    }
}
