using UnetResnet.Normalization;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Normalization;

/// <summary>Averages with a momentum of a quarter, whose sums and weights are exact.</summary>
public class ZeroDebiasedAverageTests
{
    [Fact]
    public void A_saved_sum_goes_on_where_it_was()
    {
        using var scope = NewDisposeScope();
        using ZeroDebiasedAverage average = new(), restored = new();
        Tensor target = zeros(1);
        Assert.Null(average.State);
        average.Update(tensor([4f]), 0.25, target);
        Assert.Equal((1f, 0.25, 4f), (average.State!.Value.Sum.item<float>(), average.State.Value.Weights, target.item<float>()));

        using (Tensor saved = average.State.Value.Sum.clone()) restored.Load(saved, average.State.Value.Weights);
        restored.Update(tensor([8f]), 0.25, target);
        // (0.75 · 1 + 0.25 · 8) / (0.75 · 0.25 + 0.25)
        Assert.Equal((2.75f, 0.4375), (restored.State!.Value.Sum.item<float>(), restored.State.Value.Weights));
        Assert.Equal(2.75f / 0.4375f, target.item<float>());
        Assert.Equal(1f, average.State.Value.Sum.item<float>());

        restored.Reset();
        Assert.Null(restored.State);
        restored.Update(tensor([12f]), 0.25, target);
        Assert.Equal(12f, target.item<float>());
    }

    [Fact]
    public void What_was_remembered_comes_back_even_if_it_was_nothing()
    {
        using var scope = NewDisposeScope();
        using ZeroDebiasedAverage average = new();
        Tensor target = zeros(1);
        Action toNothing = average.Remember();
        average.Update(tensor([4f]), 0.25, target);
        Action toFirst = average.Remember();
        average.Update(tensor([8f]), 0.25, target);
        toFirst();
        Assert.Equal((1f, 0.25), (average.State!.Value.Sum.item<float>(), average.State.Value.Weights));
        toNothing();
        Assert.Null(average.State);
        average.Update(tensor([8f]), 0.25, target);
        Assert.Equal(8f, target.item<float>());
    }

    /// <summary>Checkpoints hold them under these names.</summary>
    [Fact]
    public void A_layer_has_one_of_the_mean_and_one_of_the_variance()
    {
        using var layer = new ModalBatchNorm2d(2);
        Assert.Equal(["mean", "variance"], layer.Averages.Select(a => a.Name));
    }

    [Fact]
    public void No_sum_is_left_behind()
    {
        using Tensor value = ones(3), target = zeros(3);
        long before = LiveTensors.Settled();
        using (ZeroDebiasedAverage average = new())
        {
            average.Update(value, 0.25, target);
            Assert.Equal(before + 1, Tensor.TotalCount);
            average.Load(value, 1);
            Assert.Equal(before + 1, Tensor.TotalCount);
            average.Remember()();
            Assert.Equal(before + 1, Tensor.TotalCount);
            average.Reset();
            Assert.Equal(before, Tensor.TotalCount);
            average.Update(value, 0.25, target);
        }

        Assert.Equal(before, Tensor.TotalCount);
    }
}
