using TorchSharp.Modules;
using UnetResnet.Data;
using UnetResnet.Diagnosis;
using UnetResnet.Models;
using UnetResnet.Normalization;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Diagnosis;

public class FreezeAuditTests
{
    [Theory]
    [InlineData(BatchNormMode.Inference)]
    [InlineData(BatchNormMode.Keras213)]
    [InlineData(BatchNormMode.TorchFrozenParameters)]
    public void Our_frozen_encoder_in_three_modes(BatchNormMode mode)
    {
        using UNetResNet50 unet = Miniature.UNet();
        unet.Encoder.Freeze(mode);
        using Batch batch = Miniature.Images(count: 4);
        string before = Untouched.Describe(unet);
        FreezeAudit audit = FreezeAudit.Measure(unet, batch, steps: 1);
        Assert.Equal(before, Untouched.Describe(unet));
        Assert.Equal(FreezeAudit.Measure(unet, batch, frozen: ["encoder"], steps: 1).Items, audit.Items);
        Assert.Equal(unet.parameters().Count(), audit.Parameters.All);
        Assert.InRange(audit.Parameters.Moved, 30, unet.Decoder.parameters().Count());
        Assert.Equal((63 * 2, mode == BatchNormMode.TorchFrozenParameters ? 63 * 2 : 10 * 2), (audit.Buffers.All, audit.Buffers.Moved));
        Assert.Equal(mode == BatchNormMode.Inference ? 0 : 53, audit.Of(FreezeFault.BatchStatisticsAlthoughFrozen).Count);
        Assert.Equal(mode == BatchNormMode.TorchFrozenParameters ? 53 * 2 : 0, audit.Of(FreezeFault.ChangedAlthoughFrozen).Count);
        Assert.Equal(mode == BatchNormMode.Inference, audit.IsClean);
    }

    [Fact]
    public void PyTorchs_freezing_by_hand_is_undone_by_train()
    {
        using Sequential model = ForeignNetworks.Cnn();
        var norm = (BatchNorm2d)model.named_modules().Single(m => m.name == "bn2").module;
        foreach (Parameter parameter in norm.parameters()) parameter.requires_grad_(false);
        model.train();
        norm.eval();
        using Batch batch = ForeignNetworks.Squares();
        string before = Untouched.Describe(model);
        FreezeAudit audit = FreezeAudit.Measure(model, batch);
        Assert.Equal(before, Untouched.Describe(model));
        Assert.Equal(["bn2"], audit.Of(FreezeFault.ResetByTrain));
        Assert.Equal(["bn2"], audit.Of(FreezeFault.BatchStatisticsAlthoughFrozen));
        Assert.Equal(["bn2.num_batches_tracked", "bn2.running_mean", "bn2.running_var"], audit.Of(FreezeFault.ChangedAlthoughFrozen).Order());
        Assert.Contains("'bn2' stood in inference mode, and train() set it back.", audit.Finding, StringComparison.Ordinal);
    }

    [Fact]
    public void What_was_forgotten_is_named()
    {
        using Sequential model = ForeignNetworks.Cnn();
        using Batch batch = ForeignNetworks.Squares();
        // conv1 is thought to be frozen and is not; the optimiser got conv3's frozen kernel and not the head.
        model.get_parameter("conv3.weight")!.requires_grad_(false);
        Parameter[] optimized = [.. model.named_parameters().Where(p => !p.name.StartsWith("head", StringComparison.Ordinal)).Select(p => p.parameter)];
        FreezeAudit audit = FreezeAudit.Measure(model, batch, frozen: ["conv1"], optimized);
        Assert.Equal(["conv1.weight", "conv1.bias"], audit.Of(FreezeFault.TrainsAlthoughMeantFrozen));
        Assert.Equal(["head.weight", "head.bias"], audit.Of(FreezeFault.NotInOptimizer));
        Assert.Equal(["conv3.weight"], audit.Of(FreezeFault.WithoutGradient));
        Assert.Contains("requires_grad is false", audit.ToText(), StringComparison.Ordinal);
        Assert.False(audit.IsClean);
    }

    [Fact]
    public void A_parameter_that_moves_without_gradient_is_found()
    {
        using var model = new Restless();
        using Batch batch = ForeignNetworks.Squares();
        string before = Untouched.Describe(model);
        FreezeAudit audit = FreezeAudit.Measure(model, batch, steps: 2);
        Assert.Equal(before, Untouched.Describe(model));
        FreezeItem item = Assert.Single(audit.Items, i => i.Fault == FreezeFault.ChangedAlthoughFrozen);
        Assert.Equal(("gain", "changed by 300 % of its norm"), (item.Name, item.Detail)); // 1 → 2 → 4
    }

    [Fact]
    public void Everything_frozen_runs_no_step_and_unknown_names_are_refused()
    {
        using Sequential model = ForeignNetworks.Cnn();
        using Batch batch = ForeignNetworks.Squares();
        foreach (Parameter parameter in model.parameters()) parameter.requires_grad_(false);
        Assert.Equal((0, 0), (FreezeAudit.Measure(model, batch).Steps, FreezeAudit.Measure(model, batch).Parameters.Moved));
        Assert.Contains("Nothing in the model is called 'encoder'", Assert.Throws<ArgumentException>(() => FreezeAudit.Measure(model, batch, frozen: ["encoder"])).Message, StringComparison.Ordinal);
    }

    /// <summary>Doubles a parameter of its own at every pass in training mode, as a moving average of weights does in its way.</summary>
    private sealed class Restless : Module<Tensor, Tensor>
    {
#pragma warning disable IDE1006 // Field names are the state keys.
        private readonly Parameter gain = Parameter(ones(1), requires_grad: false);
        private readonly Sequential network = ForeignNetworks.Cnn();
#pragma warning restore IDE1006

        internal Restless() : base(nameof(Restless)) => RegisterComponents();

        public override Tensor forward(Tensor images)
        {
            using var noGrad = no_grad();
            if (training) gain.mul_(2);
            using var grad = enable_grad(training);
            return network.call(images);
        }
    }
}
