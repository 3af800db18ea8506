using UnetResnet.Data;
using UnetResnet.Diagnosis;
using UnetResnet.Normalization;
using UnetResnet.Training;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Diagnosis;

public class TrainEvalGapTests
{
    [Fact]
    public void One_layer_by_hand()
    {
        // Values 1 and 3 have mean 2 and variance 1: logits ∓1 in training. With running mean 0 and variance 4 they are 0.5 and 1.5.
        using var model = Sequential(new ModalBatchNorm2d(1, new BatchNormOptions { Eps = 1e-9 }, BatchNormMode.Keras213));
        var layer = (ModalBatchNorm2d)model[0];
        layer.RunningVar.fill_(4);
        using Tensor images = tensor(new[] { 1f, 3 }).reshape(2, 1, 1, 1), masks = tensor(new[] { 0f, 1 }).reshape(2, 1, 1, 1);
        using Batch batch = Batch.Of(images, masks);
        TrainEvalGap gap = Untouched.By(model, () => TrainEvalGap.Measure(model, batch));

        static double Loss(double logit, int mask) => Math.Log(1 + Math.Exp(mask == 1 ? -logit : logit));
        Assert.Equal((Loss(-1, 0) + Loss(1, 1)) / 2, gap.TrainingLoss, 1e-6);
        Assert.Equal((Loss(0.5, 0) + Loss(1.5, 1)) / 2, gap.InferenceLoss, 1e-6);
        Assert.Equal(gap.InferenceLoss - gap.TrainingLoss, gap.LossGap, 1e-9);
        Assert.Equal((1.0, 0.5, 0.5), (gap.TrainingMetric!.Value, gap.InferenceMetric!.Value, gap.MetricGap!.Value));
        Assert.Equal(1.5, gap.LargestLogitDifference, 1e-6);
        Assert.Equal(Math.Sqrt((1.5 * 1.5 + 0.5 * 0.5) / 2), gap.RelativeLogitDifference, 1e-6); // the logits −1 and 1 have spread 1
        Assert.Equal((2, 1, 1), (gap.Images, gap.Layers, gap.SwitchingLayers));
    }

    [Fact]
    public void Frozen_in_inference_mode_there_is_none()
    {
        using var model = Training.Toys.Network(dropout: 0.5);
        model.SetBatchNormMode(BatchNormMode.Inference);
        using Batch batch = ForeignNetworks.Squares();
        TrainEvalGap gap = Untouched.By(model, () => TrainEvalGap.Measure(model, batch));
        Assert.Equal((0, 0.0, 0.0, 0.0), (gap.SwitchingLayers, gap.LossGap, gap.LargestLogitDifference, gap.RelativeLogitDifference));
        Assert.StartsWith("None of the 1 batch-norm layers differs", gap.Finding, StringComparison.Ordinal);
    }

    [Fact]
    public void Foreign_networks_have_it_too_and_are_left_as_they_were()
    {
        using Batch pretrained = ForeignNetworks.Squares(seed: 1, scale: 4, offset: 6), batch = ForeignNetworks.Squares();
        foreach (Module<Tensor, Tensor> model in new Module<Tensor, Tensor>[] { ForeignNetworks.Cnn(dropout: 0.5), ForeignNetworks.DenseNet() })
        {
            using (model)
            {
                ForeignNetworks.Settle(model, pretrained.Inputs);
                Assert.True(Untouched.By(model, () => TrainEvalGap.Measure(model, batch)).RelativeLogitDifference > 0.3);
                ForeignNetworks.Settle(model, batch.Inputs);
                // The running variance is unbiased: √(n / (n − 1)) apart, with 512 to 2048 values per channel under 0.1 % a layer.
                Assert.True(Untouched.By(model, () => TrainEvalGap.Measure(model, batch)).RelativeLogitDifference < 0.01);
            }
        }
    }

    [Fact]
    public void The_task_shows_in_the_targets_and_one_of_its_own_can_be_given()
    {
        using var model = Sequential(Conv2d(3, 16, 3), BatchNorm2d(16), ReLU(), AdaptiveAvgPool2d(1), Flatten(), Linear(16, 4), BatchNorm1d(4));
        using Tensor images = randn(6, 3, 8, 8), labels = tensor(new long[] { 0, 1, 2, 3, 0, 1 });
        using Batch batch = Batch.Of(images, labels);
        TrainEvalGap gap = Untouched.By(model, () => TrainEvalGap.Measure(model, batch, LearningTask.Of((logits, targets) => functional.cross_entropy(logits, targets))));
        Assert.Equal((2, null), (gap.SwitchingLayers, gap.MetricGap));
        Assert.NotEqual(0, gap.LossGap);
        Assert.DoesNotContain("IoU", gap.ToText(), StringComparison.Ordinal);

        TrainEvalGap classes = TrainEvalGap.Measure(model, batch);
        Assert.Equal((gap.TrainingLoss, gap.InferenceLoss, "accuracy"), (classes.TrainingLoss, classes.InferenceLoss, classes.Metric));
        Assert.Contains("accuracy", classes.ToText(), StringComparison.Ordinal);

        using Tensor wrong = zeros(6, 2);
        using Batch strange = Batch.Of(images, wrong);
        string message = Assert.Throws<ArgumentException>(() => TrainEvalGap.Measure(model, strange)).Message;
        Assert.Contains("Pass the task", message, StringComparison.Ordinal);
        Assert.Contains("(6, 4)", message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_text_has_title_finding_figures_and_notes()
    {
        using var model = new SharedNorm();
        using Batch batch = ForeignNetworks.Squares();
        string text = TrainEvalGap.Measure(model, batch).ToString();
        string[] lines = text.Split('\n');
        Assert.Equal("Training against inference on one batch", lines[0]);
        Assert.StartsWith("Same 8 images, same weights: the loss is ", lines[3], StringComparison.Ordinal);
        Assert.Contains(lines, line => line.StartsWith("loss ", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.StartsWith("Note: 'shared' is used 2 times", StringComparison.Ordinal));
    }
}
