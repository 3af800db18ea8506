namespace UnetResnet.Training;

/// <summary>The factor by which the learning rate is multiplied.</summary>
/// <param name="progress">How much of the training is done: 0 before the first batch, below 1 before the last.</param>
/// <returns>The factor, at least 0.</returns>
public delegate double LearningRateSchedule(double progress);

/// <summary>The schedules of the kit.</summary>
public static class LearningRateSchedules
{
    /// <summary>Always 1, as in the question of 2018.</summary>
    /// <param name="progress">0 to 1.</param>
    public static double Constant(double progress) => 1;

    /// <summary>Half a cosine from 1 to 0 (Loshchilov and Hutter 2017, without restarts): the last epochs settle.</summary>
    /// <param name="progress">0 to 1.</param>
    public static double Cosine(double progress) => (1 + Math.Cos(Math.PI * progress)) / 2;
}
