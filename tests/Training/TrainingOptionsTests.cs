using UnetResnet.Training;

namespace UnetResnet.Tests.Training;

public class TrainingOptionsTests
{
    [Fact]
    public void The_defaults_are_valid()
    {
        var options = new TrainingOptions();
        Assert.Same(options, options.Validate());
        Assert.Equal((12, 1e-3, null, true), (options.Epochs, options.LearningRate, options.EarlyStoppingPatience, options.ScoreTrainingInInferenceMode));
    }

    [Fact]
    public void Values_out_of_range_are_refused_when_the_trainer_is_made()
    {
        using var net = new OffsetNet();
        void Refused(string name, TrainingOptions options) => Assert.Throws<ArgumentOutOfRangeException>(name, () => new Trainer(net, options));
        Refused(nameof(TrainingOptions.Epochs), new TrainingOptions { Epochs = 0 });
        Refused(nameof(TrainingOptions.LearningRate), new TrainingOptions { LearningRate = 0 });
        Refused(nameof(TrainingOptions.LearningRate), new TrainingOptions { LearningRate = -1 });
        Refused(nameof(TrainingOptions.LearningRate), new TrainingOptions { LearningRate = double.NaN });
        Refused(nameof(TrainingOptions.LearningRate), new TrainingOptions { LearningRate = double.PositiveInfinity });
        Refused(nameof(TrainingOptions.EarlyStoppingPatience), new TrainingOptions { EarlyStoppingPatience = 0 });
        Refused(nameof(TrainingOptions.KeptCheckpoints), new TrainingOptions { KeptCheckpoints = 0 });
        Refused(nameof(TrainingOptions.StillStatisticsEpochs), new TrainingOptions { StillStatisticsEpochs = -1 });
        Refused(nameof(TrainingOptions.Precision), new TrainingOptions { Precision = (UnetResnet.Runtime.Precision)7 });
        foreach (double factor in new[] { 0, -0.1, double.NaN, double.PositiveInfinity })
            Refused(nameof(TrainingOptions.LearningRates), new TrainingOptions { LearningRates = [new("a", 1), new("b", factor)] });
        new TrainingOptions { Epochs = 1, LearningRate = double.Epsilon, EarlyStoppingPatience = 1, KeptCheckpoints = 1, StillStatisticsEpochs = 0, LearningRates = [new("a", double.Epsilon)] }.Validate();
    }

    [Fact]
    public void The_other_defaults_leave_the_training_as_it_is()
    {
        var options = new TrainingOptions();
        Assert.Equal((0, 0, false, UnetResnet.Runtime.Precision.Float32, 3), (options.Seed, options.StillStatisticsEpochs, options.RecomputeActivations, options.Precision, options.KeptCheckpoints));
        Assert.Empty(options.LearningRates);
        Assert.Null(options.Task);
        Assert.Equal(1, options.Schedule(0.7));
    }

    [Fact]
    public void A_cache_of_features_takes_any_memory_from_none_on()
    {
        Assert.Equal(512L * 1024 * 1024, new FeatureCacheOptions().MemoryLimit);
        Assert.Equal(0, new FeatureCacheOptions { MemoryLimit = 0 }.MemoryLimit);
        Assert.Throws<ArgumentOutOfRangeException>("MemoryLimit", () => new FeatureCacheOptions { MemoryLimit = -1 });
    }

    [Theory]
    [InlineData(64, 32, true)]
    [InlineData(128, 64, true)]
    [InlineData(128, 32, true)]
    [InlineData(1024, 512, true)]
    [InlineData(32, null, false)]
    [InlineData(100, null, false)]
    [InlineData(128, 96, false)]
    [InlineData(128, 48, false)]
    [InlineData(128, 0, false)]
    [InlineData(128, -32, false)]
    public void Tiles_lie_on_the_networks_grid_and_share_at_most_half(int side, int? overlap, bool allowed)
    {
        var options = new SegmentationOptions { TileSide = side, Overlap = overlap, PixelLimit = 1 };
        if (allowed) Assert.Same(options, options.Validate());
        else Assert.Throws<ArgumentOutOfRangeException>(() => options.Validate());
    }

    [Theory]
    [InlineData(64, 32)]
    [InlineData(128, 32)]
    [InlineData(224, 32)]
    [InlineData(256, 64)]
    [InlineData(1024, 256)]
    public void Unasked_tiles_share_a_quarter_rounded_down_to_the_grid(int side, int shared) => Assert.Equal(shared, new SegmentationOptions { TileSide = side }.Validate().SharedPixels);
}
