using TorchSharp.Modules;
using UnetResnet.Data;
using UnetResnet.Diagnosis;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Diagnosis;

public class ModeMatrixTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_part_with_foreign_statistics_is_blamed(bool encoder)
    {
        using UNetResNet50 unet = Miniature.UNet();
        using Batch batch = Miniature.Images();
        Recalibration.Apply(unet, [batch.Inputs]);
        foreach ((string name, BatchNormLayer layer) in unet.BatchNormLayers().Where(l => l.Name.StartsWith("encoder", StringComparison.Ordinal) == encoder))
        {
            layer.RunningMean.add_(layer.RunningVar.sqrt());
            layer.RunningVar.mul_(4);
        }

        ModeMatrix matrix = Untouched.By(unet, () => ModeMatrix.Measure(unet, batch));
        Assert.Equal(("encoder", 53, 10, 8), (matrix.Encoder, matrix.EncoderLayers, matrix.DecoderLayers, matrix.Cells.Count));
        Assert.Equal(matrix.Gap, matrix.EncoderEffect + matrix.DecoderEffect + matrix.DropoutEffect, 1e-9);
        // Whichever part is ill, the other's statistics are those of the batch itself, so that its effect is rounding.
        (double ill, double well) = encoder ? (matrix.EncoderEffect, matrix.DecoderEffect) : (matrix.DecoderEffect, matrix.EncoderEffect);
        Assert.True(Math.Abs(ill) > 20 * Math.Abs(well), $"{matrix}");
    }

    [Fact]
    public void Every_cell_is_the_model_with_its_parts_switched_by_hand()
    {
        using UNetResNet50 unet = Miniature.UNet();
        using Batch batch = Miniature.Images();
        Recalibration.Apply(unet, [batch.Inputs.mul(2)]);
        ModeMatrix matrix = ModeMatrix.Measure(unet, batch, seed: 5);
        foreach (ModeCell cell in matrix.Cells)
        {
            using var state = new ModelState(unet);
            unet.eval();
            unet.Encoder.SetBatchNormMode(cell.EncoderBatch ? BatchNormMode.BatchOnly : BatchNormMode.Inference);
            unet.Decoder.SetBatchNormMode(cell.DecoderBatch ? BatchNormMode.BatchOnly : BatchNormMode.Inference);
            foreach (Dropout2d dropout in unet.modules().OfType<Dropout2d>()) dropout.train(cell.Dropout);
            TorchRuntime.Seed(5);
            using var noGrad = no_grad();
            using Tensor logits = unet.call(batch.Inputs);
            Assert.Equal(UnetResnet.Training.Losses.BinaryCrossEntropy(logits, batch.Targets).item<float>(), cell.Loss, 1e-6);
        }

        Assert.Equal(8, matrix.Cells.Select(c => (c.EncoderBatch, c.DecoderBatch, c.Dropout)).Distinct().Count());
        Assert.Equal((true, true, true), (matrix.Cells[0].EncoderBatch, matrix.Cells[0].DecoderBatch, matrix.Cells[0].Dropout));
        Assert.Equal((false, false, false), (matrix.Cells[^1].EncoderBatch, matrix.Cells[^1].DecoderBatch, matrix.Cells[^1].Dropout));
    }

    [Fact]
    public void Foreign_networks_are_divided_in_halves_or_by_name()
    {
        using DenseNet dense = ForeignNetworks.DenseNet();
        using Batch batch = ForeignNetworks.Squares();
        ModeMatrix halves = Untouched.By(dense, () => ModeMatrix.Measure(dense, batch));
        Assert.Equal(("first 3 layers", 3, 3, 4), (halves.Encoder, halves.EncoderLayers, halves.DecoderLayers, halves.Cells.Count));
        Assert.Equal(0, halves.DropoutEffect);
        Assert.Equal(halves.Gap, halves.EncoderEffect + halves.DecoderEffect, 1e-9);
        ModeMatrix named = ModeMatrix.Measure(dense, batch, encoder: "dense1");
        Assert.Equal(("dense1", 2, 4), (named.Encoder, named.EncoderLayers, named.DecoderLayers));
        string message = Assert.Throws<ArgumentException>(() => ModeMatrix.Measure(dense, batch, encoder: "encoder")).Message;
        Assert.Contains("No batch-norm layer lies in 'encoder'", message, StringComparison.Ordinal);
        Assert.Contains("'dense1.0.norm'", message, StringComparison.Ordinal);
    }
}
