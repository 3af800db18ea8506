using TorchSharp.Modules;
using UnetResnet.Diagnosis;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Notebooks;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Diagnosis;

public class EmaClockTests
{
    /// <summary>PyTorch's default, Keras's default and that of TensorFlow's DeepLab, to the steps that are quoted for them.</summary>
    [Theory]
    [InlineData(0.1, 6.6, 44)]
    [InlineData(0.01, 69, 458)]
    [InlineData(0.0003, 2310, 15348)]
    public void Half_life_and_steps_to_one_per_cent(double momentum, double halfLife, double toOnePercent)
    {
        EmaClockRow row = EmaClock.Measure(momentum, 9).Rows[0];
        Assert.Equal(halfLife, row.HalfLife, 0.5);
        Assert.Equal(toOnePercent, row.StepsToOnePercent, 1.0);
        Assert.Equal(row.StepsToOnePercent / 9, row.EpochsToOnePercent);
        Assert.Equal(0.5, row.OldShareAfter((int)Math.Round(row.HalfLife)), 0.03);
    }

    [Theory]
    [InlineData(0.1, 28, true)]   // 0.9^28 = 5.2 %
    [InlineData(0.1, 29, false)]  // 0.9^29 = 4.7 %
    [InlineData(0.01, 100, true)]
    [InlineData(1, 1, false)]
    public void It_warns_when_more_than_a_twentieth_is_old_at_the_first_validation(double momentum, int steps, bool warns)
    {
        EmaClock clock = EmaClock.Measure(momentum, steps);
        Assert.Equal(warns, clock.Warns);
        Assert.Equal(Math.Pow(1 - momentum, steps), clock.Rows[0].OldShareAtFirstValidation, 1e-12);
        Assert.Equal(warns, clock.Finding.Contains("still in the running ones", StringComparison.Ordinal));
        double enough = EmaClock.MomentumFor(steps);
        Assert.Equal(0.05, Math.Pow(1 - enough, steps), 1e-12);
    }

    [Fact]
    public void A_model_has_a_row_for_each_momentum_that_moves()
    {
        using var unet = new UNetResNet50(new UNetOptions
        {
            Encoder = new ResNet50Options { Width = 16, BatchNorm = BatchNormOptions.Torch },
            BatchNorm = BatchNormOptions.Keras3,
        });
        Assert.Equal([(0.01, 10), (0.1, 53)], EmaClock.Measure(unet, 10).Rows.Select(row => (row.Momentum, row.Layers)));
        unet.Encoder.Freeze(BatchNormMode.Inference);
        Assert.Equal([(0.01, 10)], EmaClock.Measure(unet, 10).Rows.Select(row => (row.Momentum, row.Layers)));
        unet.Decoder.SetBatchNormMode(BatchNormMode.Keras213);
        EmaClock none = EmaClock.Measure(unet, 10);
        Assert.Empty(none.Rows);
        Assert.False(none.Warns);
        Assert.Contains("no clock", none.Finding);
    }

    [Fact]
    public void A_zero_debiased_average_forgets_at_once()
    {
        using var layer = new ModalBatchNorm2d(16, BatchNormOptions.Keras213);
        EmaClockRow row = Assert.Single(EmaClock.Measure(layer, 5).Rows);
        Assert.Equal((true, 0, false), (row.ZeroDebiased, row.OldShareAtFirstValidation, row.Warns));
        Assert.Equal((1, 0), (row.OldShareAfter(0), row.OldShareAfter(1)));
    }

    [Fact]
    public void A_foreign_model_is_read_too_and_drawn()
    {
        using Sequential model = Sequential(Conv2d(3, 16, 1), BatchNorm2d(16, momentum: 0.003), BatchNorm2d(16, momentum: 0));
        EmaClock clock = EmaClock.Measure(model, 20);
        Assert.Equal(0.003, Assert.Single(clock.Rows).Momentum);
        Assert.True(clock.Warns);
        Assert.Contains("momentum of at least 0.139", clock.Finding);
        Assert.Equal("momentum 0.003", (string?)ChartFigure.Of(clock.Chart())["data"]![0]!["name"]);
    }

    [Fact]
    public void Wrong_numbers_are_named()
    {
        Assert.Contains("0.01 here", Assert.Throws<ArgumentOutOfRangeException>(() => EmaClock.Measure(0, 5)).Message);
        Assert.Contains("0.01 here", Assert.Throws<ArgumentOutOfRangeException>(() => EmaClock.Measure(1.5, 5)).Message);
        Assert.Contains("BatchCount", Assert.Throws<ArgumentOutOfRangeException>(() => EmaClock.Measure(0.1, 0)).Message);
    }
}
