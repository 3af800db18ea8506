using TorchSharp.Modules;
using UnetResnet.Data;
using UnetResnet.Diagnosis;
using UnetResnet.Notebooks;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Diagnosis;

public class ControlExperimentsTests
{
    [Theory]
    [InlineData("cnn")]
    [InlineData("dense")]
    [InlineData("unet")]
    public void Noise_has_the_gap_too_and_the_twin_without_batch_norm_has_none(string network)
    {
        using Module<Tensor, Tensor> model = StatisticsDistanceTests.Foreign(network);
        using Batch batch = StatisticsDistanceTests.Images(network);
        ControlExperiments controls = ControlExperiments.Measure(model, batch.Inputs, Preprocessing.Caffe);
        Assert.True(controls.Images.RelativeDifference > 0.3, controls.ToText());
        Assert.True(controls.Noise.RelativeDifference > 0.3, controls.ToText());
        // The same figure by the same name: in units of the logits' spread in training, as the gap has it.
        Assert.Equal(TrainEvalGap.Measure(model, batch).RelativeLogitDifference, controls.Images.RelativeDifference, 6);
        // One function in both modes: the same operations on the same numbers.
        Assert.Equal(0, controls.TwinOnImages.Largest);
        Assert.Equal(0, controls.TwinOnNoise.Largest);
        Assert.True(controls.TwinIsSame);
        // And it is the model's own inference, up to float32 through 60 layers.
        Assert.True(controls.TwinError < 1e-3, $"{controls.TwinError}");
        Assert.Equal(2, ChartFigure.Of(controls.Chart())["data"]!.AsArray().Count);
    }

    [Fact]
    public void Something_else_than_batch_norm_is_found()
    {
        using var model = new LouderInTraining();
        using Batch batch = ForeignNetworks.Squares();
        ControlExperiments controls = ControlExperiments.Measure(model, batch.Inputs);
        Assert.False(controls.TwinIsSame);
        Assert.Contains("something else", controls.Finding);
    }

    /// <summary>A network that a training flag changes beyond its batch norm.</summary>
    private sealed class LouderInTraining : Module<Tensor, Tensor>
    {
        private readonly Sequential inner = ForeignNetworks.Cnn();

        internal LouderInTraining() : base(nameof(LouderInTraining)) => RegisterComponents();

        public override Tensor forward(Tensor images)
        {
            Tensor logits = inner.call(images);
            return training ? logits.mul_(2) : logits;
        }
    }
}
