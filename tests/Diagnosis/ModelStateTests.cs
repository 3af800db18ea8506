using TorchSharp.Modules;
using UnetResnet.Data;
using UnetResnet.Diagnosis;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using UnetResnet.Tests.Normalization;
using UnetResnet.Tests.Training;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Diagnosis;

public class ModelStateTests
{
    [Fact]
    public void Everything_that_training_changes_comes_back_byte_for_byte()
    {
        using Sequential foreign = ForeignNetworks.Cnn(dropout: 0.5);
        using Sequential own = Toys.Network(dropout: 0.5);
        foreach (Sequential model in new[] { foreign, own })
        {
            Untouched.By(model, () =>
            {
                string before = Untouched.Describe(model);
                using (var state = new ModelState(model))
                {
                    Assert.Empty(state.Changed());
                    TrainOneStep(model);
                    model.eval();
                    foreach (var norm in model.modules().OfType<BatchNorm>()) norm.momentum = 0.5;
                    model.SetBatchNormMode(BatchNormMode.BatchOnly);
                    Assert.Contains(state.Changed(), name => name.EndsWith("running_mean", StringComparison.Ordinal));
                    Assert.Contains(state.Changed(), name => name.EndsWith("weight", StringComparison.Ordinal));
                    Assert.NotEqual(before, Untouched.Describe(model));
                }

                return 0;
            });
        }
    }

    /// <summary>Memory that is not the CPU's and memory that is not contiguous are refused alike by TorchSharp's <c>bytes</c>; only the latter can be had everywhere.</summary>
    [Fact]
    public void Parameters_that_are_not_contiguous_are_examined_like_others()
    {
        using var scope = NewDisposeScope();
        using Sequential model = ForeignNetworks.Cnn();
        using Batch batch = ForeignNetworks.Squares(), pretraining = ForeignNetworks.Squares(count: 32, seed: 1);
        ForeignNetworks.Settle(model, pretraining.Inputs);
        TrainEvalGap gap = TrainEvalGap.Measure(model, batch);
        foreach (Conv2d convolution in model.modules().OfType<Conv2d>())
        {
            // Channels last: the same numbers in another order in memory.
            Tensor weight = convolution.weight.detach();
            convolution.weight = nn.Parameter(weight.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2));
            Assert.Equal(weight.shape[2] == 1, convolution.weight.is_contiguous());
        }

        Assert.Equal(gap.InferenceLoss, TrainEvalGap.Measure(model, batch).InferenceLoss, 1e-5);
        FreezeAudit audit = FreezeAudit.Measure(model, batch, frozen: ["conv1"], steps: 1);
        Assert.Contains("conv1.weight", audit.Of(FreezeFault.TrainsAlthoughMeantFrozen));
        Assert.Equal(audit.Parameters.All, audit.Parameters.Moved);
        string[] before = [.. model.parameters().Select(p => Convert.ToHexString(p.Bytes()))];
        BatchNormDoctor.Diagnose(model, Toys.Squares(8, 4, side: 16), new DoctorOptions { Images = 8, AttributionImages = 2 });
        Assert.Equal(before, model.parameters().Select(p => Convert.ToHexString(p.Bytes())));
    }

    [Fact]
    public void Gradients_that_were_there_are_there_again()
    {
        using Sequential model = Toys.Network();
        Backward(model);
        float[] before = model.parameters().First().grad!.Values();
        using (new ModelState(model))
        {
            model.zero_grad();
            Backward(model, scale: 2);
            Assert.NotEqual(before, model.parameters().First().grad!.Values());
        }

        Assert.Equal(before, model.parameters().First().grad!.Values());
    }

    [Fact]
    public void The_accumulators_of_zero_debiased_averages_come_back()
    {
        // With a fresh accumulator the next update would replace the running mean by the batch's; with the old one it moves a hundredth of the way.
        static float[] After(bool experiment)
        {
            using var layer = new ModalBatchNorm2d(16, BatchNormOptions.Keras213);
            using Tensor first = full([2, 16, 2, 2], 1.0f), second = full([2, 16, 2, 2], 9.0f), other = full([2, 16, 2, 2], 100.0f);
            layer.call(first).Dispose();
            if (experiment)
            {
                using (new ModelState(layer)) layer.call(other).Dispose();
            }

            layer.call(second).Dispose();
            return layer.RunningMean.Values();
        }

        Assert.Equal(After(experiment: false), After(experiment: true));
    }

    private static void TrainOneStep(Sequential model)
    {
        using var optimizer = optim.SGD(model.parameters().Where(p => p.requires_grad), 0.1);
        Backward(model);
        optimizer.step();
    }

    private static void Backward(Sequential model, double scale = 1)
    {
        using var scope = NewDisposeScope();
        (model.call(ForeignNetworks.Squares().Inputs).square().mean() * scale).backward();
    }
}
