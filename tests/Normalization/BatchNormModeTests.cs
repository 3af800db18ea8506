using UnetResnet.Normalization;
using static TorchSharp.torch;
using static UnetResnet.Normalization.BatchNormMode;

namespace UnetResnet.Tests.Normalization;

/// <summary>
/// Every mode against <see cref="ReferenceBatchNorm"/>. Tolerance 2e-5 · (1 + |x|): the layer computes in float32 (unit roundoff 6e-8) with sums over 60
/// values, whose relative error stays below 60 · 6e-8 ≈ 4e-6 in the worst order of summation; an output or a gradient combines at most five such numbers.
/// Using the wrong estimator or the wrong statistics in one step is off by at least 1e-4.
/// </summary>
public class BatchNormModeTests
{
    private const int Images = 3, Channels = 4, Height = 4, Width = 5, Spatial = Height * Width, Steps = 6;
    private const double Tolerance = 2e-5;

    private static readonly BatchNormOptions[] History =
    [
        BatchNormOptions.Keras212, BatchNormOptions.Keras213, BatchNormOptions.Keras214, BatchNormOptions.Keras230, BatchNormOptions.Keras3, BatchNormOptions.Torch,
        BatchNormOptions.Torch with { ZeroDebias = true, Eps = 0.5 },
    ];

    /// <summary>Batch statistics in training; batch statistics in inference; running statistics move; γ and β receive gradients.</summary>
    public static TheoryData<BatchNormMode, bool, bool, bool, bool> Modes => new()
    {
        { Trainable, true, false, true, true },
        { KerasLegacy, true, false, true, false },
        { Keras213, true, false, false, false },
        { TorchFrozenParameters, true, false, true, false },
        { Inference, false, false, false, false },
        { AffineOnly, false, false, false, true },
        { BatchOnly, true, true, false, false },
    };

    [Fact]
    public void The_table_has_every_mode() =>
        Assert.Equal(Enum.GetValues<BatchNormMode>().Order(), Modes.Select(row => (BatchNormMode)((object[])row)[0]).Order());

    [Theory]
    [MemberData(nameof(Modes))]
    public void The_three_questions_are_answered(BatchNormMode mode, bool batchInTraining, bool batchInInference, bool moves, bool trains)
    {
        Assert.Equal(batchInTraining, mode.UsesBatchStatistics(training: true));
        Assert.Equal(batchInInference, mode.UsesBatchStatistics(training: false));
        Assert.Equal(moves, mode.UpdatesStatistics());
        Assert.Equal(trains, mode.TrainsAffine());
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Outputs_and_running_statistics_follow_the_definition(BatchNormMode mode, bool batchInTraining, bool batchInInference, bool moves, bool trains)
    {
        foreach (BatchNormOptions options in History)
        {
            using var scope = NewDisposeScope();
            var random = new Random(7);
            (ModalBatchNorm2d layer, ReferenceBatchNorm reference) = Create(random, options, mode);
            var before = Numbers.State(layer);
            for (int step = 1; step <= Steps; step++)
            {
                string where = $"{mode}, {options}, step {step}: ";
                float[] x = Numbers.Normal(random, Images, Channels, Spatial), other = Numbers.Normal(random, Images, Channels, Spatial);

                layer.train();
                Numbers.AssertClose(reference.Forward(x.Doubles(), Spatial, batchInTraining, moves), layer.call(ToTensor(x)), Tolerance, where + "training");
                AssertStatistics();

                layer.eval();
                Numbers.AssertClose(reference.Forward(other.Doubles(), Spatial, batchInInference, update: false), layer.call(ToTensor(other)), Tolerance, where + "inference");
                AssertStatistics();

                void AssertStatistics()
                {
                    Numbers.AssertClose(reference.RunningMean, layer.RunningMean, Tolerance, where + "running_mean");
                    Numbers.AssertClose(reference.RunningVar, layer.RunningVar, Tolerance, where + "running_var");
                }
            }

            // Bit for bit: not one of the buffers that a mode leaves alone was rewritten, and a forward pass never touches γ and β.
            string[] expected = moves ? ["running_mean", "running_var"] : [];
            Assert.Equal(expected, Numbers.Changed(before, Numbers.State(layer)).Order());
            Assert.Equal(trains, layer.Weight.requires_grad);
            Assert.Equal(trains, layer.Bias.requires_grad);
        }
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Gradients_follow_the_definition(BatchNormMode mode, bool batchInTraining, bool batchInInference, bool moves, bool trains)
    {
        using var scope = NewDisposeScope();
        var random = new Random(11);
        (ModalBatchNorm2d layer, ReferenceBatchNorm reference) = Create(random, BatchNormOptions.Keras213, mode);
        foreach (bool training in new[] { true, false })
        {
            float[] values = Numbers.Normal(random, Images, Channels, Spatial), gradient = Numbers.Normal(random, Images, Channels, Spatial);
            Tensor x = ToTensor(values).requires_grad_(true);
            layer.train(training);
            layer.zero_grad();
            layer.call(x).backward([ToTensor(gradient)]);

            reference.Forward(values.Doubles(), Spatial, training ? batchInTraining : batchInInference, training && moves);
            var expected = reference.Backward(gradient.Doubles(), Spatial);
            Numbers.AssertClose(expected.Input, x.grad!, Tolerance, $"{mode}, training {training}: input");
            if (trains)
            {
                // Sums of 60 products of size up to 10: their rounding is that of the sum of the absolute values, not of the sum.
                Numbers.AssertClose(expected.Weight, layer.Weight.grad!, 10 * Tolerance, $"{mode}, training {training}: weight");
                Numbers.AssertClose(expected.Bias, layer.Bias.grad!, 10 * Tolerance, $"{mode}, training {training}: bias");
            }
            else
            {
                Assert.Null(layer.Weight.grad);
                Assert.Null(layer.Bias.grad);
            }
        }
    }

    [Fact]
    public void A_mode_can_be_changed_at_any_time_and_train_never_changes_it()
    {
        using var layer = new ModalBatchNorm2d(Channels, mode: Inference);
        foreach (BatchNormMode mode in Enum.GetValues<BatchNormMode>())
        {
            layer.Mode = mode;
            layer.train();
            layer.eval();
            layer.train();
            Assert.Equal(mode, layer.Mode);
            Assert.Equal(mode is Trainable or AffineOnly, layer.Weight.requires_grad);
        }
    }

    [Fact]
    public void State_keys_are_those_of_PyTorch()
    {
        using var layer = new ModalBatchNorm2d(Channels);
        Assert.Equal(["bias", "running_mean", "running_var", "weight"], layer.state_dict().Keys.Order());
        Assert.Equal(["bias", "weight"], layer.named_parameters().Select(p => p.name).Order());
    }

    [Fact]
    public void A_layer_outlives_the_scope_it_was_made_and_trained_in()
    {
        ModalBatchNorm2d layer;
        using (NewDisposeScope())
        {
            layer = new ModalBatchNorm2d(Channels, BatchNormOptions.Keras213);
            layer.call(ones(2, Channels, 2, 2));
        }

        using (layer)
        using (NewDisposeScope())
        {
            layer.call(ones(2, Channels, 2, 2) * 3);
            // Zero-debiased averages of 1 and 3 with weights 0.0099 and 0.01.
            Numbers.AssertClose([.. Enumerable.Repeat((0.0099 + 3 * 0.01) / 0.0199, Channels)], layer.RunningMean, 1e-6);
        }
    }

    [Fact]
    public void Live_tensors_stay_flat_without_an_outer_scope()
    {
        foreach (BatchNormMode mode in Enum.GetValues<BatchNormMode>())
        {
            using var layer = new ModalBatchNorm2d(Channels, BatchNormOptions.Keras213, mode);
            using Tensor x = rand(2, Channels, 3, 3);
            layer.call(x).Dispose();
            long before = LiveTensors.Settled();
            for (int i = 0; i < 20; i++) layer.call(x).Dispose();
            Assert.Equal(before, Tensor.TotalCount);
        }
    }

    [Fact]
    public void One_value_per_channel_is_refused_where_the_batch_normalises()
    {
        using var scope = NewDisposeScope();
        Tensor single = ones(1, Channels, 1, 1);
        foreach (BatchNormMode mode in Enum.GetValues<BatchNormMode>())
        {
            var layer = new ModalBatchNorm2d(Channels, mode: mode);
            foreach (bool training in new[] { true, false })
            {
                layer.train(training);
                if (mode.UsesBatchStatistics(training))
                {
                    string message = Assert.Throws<ArgumentException>("input", () => layer.call(single)).Message;
                    Assert.Contains("(1, 4, 1, 1)", message);
                    Assert.Contains("BatchNormMode.Inference", message);
                }
                else
                {
                    Assert.True(isfinite(layer.call(single)).all().item<bool>());
                }
            }

            layer.train();
            Assert.True(isfinite(layer.call(rand(2, Channels, 1, 1))).all().item<bool>());
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_repeated_pass_moves_no_statistics(bool nested)
    {
        using var scope = NewDisposeScope();
        var layer = new ModalBatchNorm2d(Channels, BatchNormOptions.Torch);
        Tensor x = rand(2, Channels, 3, 3);
        float[] output = layer.call(x).Values();
        var moved = Numbers.State(layer);
        using (ModalBatchNorm2d.Again())
        {
            if (nested) ModalBatchNorm2d.Again().Dispose();
            Assert.Equal(output, layer.call(x).Values());
            Assert.Empty(Numbers.Changed(moved, Numbers.State(layer)));
        }

        layer.call(x);
        Assert.Equal(["running_mean", "running_var"], Numbers.Changed(moved, Numbers.State(layer)).Order());
    }

    [Theory]
    [InlineData(2L, 5L, 3L, 3L)]
    [InlineData(2L, 4L, 3L)]
    [InlineData(4L)]
    [InlineData(2L, 4L, 3L, 3L, 3L)]
    public void Other_shapes_are_refused(params long[] shape)
    {
        using var scope = NewDisposeScope();
        var layer = new ModalBatchNorm2d(Channels);
        string message = Assert.Throws<ArgumentException>("input", () => layer.call(ones(shape))).Message;
        Assert.Contains("(N, 4, H, W)", message);
        Assert.Contains($"({string.Join(", ", shape)})", message);
    }

    [Fact]
    public void Unknown_modes_and_no_channels_are_refused()
    {
        const BatchNormMode unknown = (BatchNormMode)99;
        Assert.Contains("Keras213", Assert.Throws<ArgumentOutOfRangeException>("mode", () => unknown.TrainsAffine()).Message);
        Assert.Throws<ArgumentOutOfRangeException>("mode", () => unknown.UpdatesStatistics());
        Assert.Throws<ArgumentOutOfRangeException>("mode", () => unknown.UsesBatchStatistics(true));
        Assert.Throws<ArgumentOutOfRangeException>("mode", () => new ModalBatchNorm2d(Channels, mode: unknown));
        Assert.Throws<ArgumentOutOfRangeException>("channels", () => new ModalBatchNorm2d(0));

        using var layer = new ModalBatchNorm2d(Channels, mode: Inference);
        Assert.Throws<ArgumentOutOfRangeException>("mode", () => layer.Mode = unknown);
        Assert.Equal(Inference, layer.Mode);
    }

    private static (ModalBatchNorm2d Layer, ReferenceBatchNorm Reference) Create(Random random, BatchNormOptions options, BatchNormMode mode)
    {
        float[] Draw(double low, double high) => [.. Enumerable.Range(0, Channels).Select(_ => (float)(low + (high - low) * random.NextDouble()))];
        float[] weight = Draw(0.5, 2), bias = Draw(-1, 1), mean = Draw(-3, 3), variance = Draw(0.2, 4);
        var layer = new ModalBatchNorm2d(Channels, options, mode);
        using (no_grad())
        {
            layer.Weight.copy_(tensor(weight));
            layer.Bias.copy_(tensor(bias));
            layer.RunningMean.copy_(tensor(mean));
            layer.RunningVar.copy_(tensor(variance));
        }

        return (layer, new ReferenceBatchNorm(weight.Doubles(), bias.Doubles(), mean.Doubles(), variance.Doubles(), options));
    }

    private static Tensor ToTensor(float[] values) => tensor(values, [Images, Channels, Height, Width]);
}
