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
    }
}
