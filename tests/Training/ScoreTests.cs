using UnetResnet.Training;

namespace UnetResnet.Tests.Training;

public class ScoreTests
{
    private static readonly EpochRecord Record = new(3, new(0.5, 0.25, 0.4), new(1.25, 0.01, 0.02), new(1, 0.03, 0.05), 1e-3, 12.34);

    [Fact]
    public void An_epoch_is_a_line_of_what_was_measured()
    {
        const string Start = "epoch 3: training loss 0.5000, IoU 0.250, Dice 0.400; validation loss 1.2500, IoU 0.010, Dice 0.020", Inference = "; training images in inference mode loss 1.0000, IoU 0.030, Dice 0.050";
        Assert.Equal($"{Start}{Inference}; 12.3 s", Record.ToString());
        Assert.Equal($"{Start}{Inference}; 12.3 s, 25 % of the training spent waiting for data", (Record with { DataWait = 0.25 }).ToString());
        Assert.Equal($"{Start}; 12.3 s", (Record with { TrainingInInferenceMode = new(double.NaN, []) }).ToString());
    }

    [Fact]
    public void Figures_are_found_by_their_names()
    {
        Assert.Equal((0.25, 0.4, double.NaN), (Record.Training.IoU, Record.Training.Dice, Record.Training.Accuracy));
        Assert.Equal((0.75, double.NaN), (new Score(0, [new("mean IoU", 0.75)]).IoU, new Score(0, [new("mean IoU", 0.75)]).Dice));
        Assert.Equal(0.875, new Score(0, [new("accuracy", 0.875)]).Accuracy);
        Assert.Equal((0.4, double.NaN), (Record.Training["other", "Dice"], Record.Training["other"]));
    }

    [Fact]
    public void Scores_are_equal_by_their_numbers()
    {
        Score one = new(0.5, 0.25, 0.4), same = new(0.5, [new("IoU", 0.25), new("Dice", 0.4)]);
        Assert.Equal(one, same);
        Assert.Equal(one.GetHashCode(), same.GetHashCode());
        Assert.Equal(new Score(double.NaN, []), new Score(double.NaN, []));
        foreach (Score other in new Score[] { new(0.6, 0.25, 0.4), new(0.5, 0.25, 0.5), new(0.5, [new("IoU", 0.25)]) }) Assert.NotEqual(one, other);
        Assert.False(one.Equals(null));
    }

    [Fact]
    public void The_rate_stays_or_falls_along_half_a_cosine()
    {
        Assert.All(new[] { 0, 0.5, 1 }, progress => Assert.Equal(1, LearningRateSchedules.Constant(progress)));
        foreach ((double progress, double factor) in new[] { (0, 1), (1 / 3.0, 0.75), (0.5, 0.5), (2 / 3.0, 0.25), (1, 0) }) Assert.Equal(factor, LearningRateSchedules.Cosine(progress), 1e-12);
    }
}
