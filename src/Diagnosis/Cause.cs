namespace UnetResnet.Diagnosis;

/// <summary>What can make a network with batch norm train well and predict badly, or seem to.</summary>
public enum Cause
{
    /// <summary>Nothing is wrong as far as was measured.</summary>
    Healthy,

    /// <summary>The model has no batch-norm layer that could differ between training and inference, and nothing else was found either.</summary>
    NothingToDiagnose,

    /// <summary>
    /// Layers normalise by the batch in training, never update their running statistics, and use those in inference: Keras 2.1.3 to 2.3.1 with
    /// <c>trainable = False</c>, PyTorch with momentum 0 or with <c>track_running_stats</c> switched off afterwards.
    /// </summary>
    FrozenBatchStatistics,

    /// <summary>The parameters are frozen, but every training step moves the running statistics: <c>requires_grad = false</c> alone, Keras up to 2.1.2.</summary>
    FrozenStatisticsDrift,

    /// <summary>The running statistics are updated, but lag behind: the momentum is too small for the number of steps, or the weights move too fast.</summary>
    StaleStatistics,

    /// <summary>The running statistics of one or a few layers are wrong, those of all others are right.</summary>
    CorruptedStatistics,

    /// <summary>Batches are so small that their statistics are noise, to which the network has adapted.</summary>
    SmallBatches,

    /// <summary>The images are preprocessed in another way than those that the first layer's statistics were counted on.</summary>
    WrongPreprocessing,

    /// <summary>Good on the training images in inference mode too, bad on the validation images.</summary>
    Overfitting,

    /// <summary>The training loss itself jumps or does not fall.</summary>
    LearningRateTooHigh,

    /// <summary>Validation images are training images, or the image contains its mask: the scores say nothing about new images.</summary>
    Leakage,

    /// <summary>Training and inference differ, and none of the known causes explains it.</summary>
    UnexplainedGap,
}

/// <summary>Names of causes for readers.</summary>
public static class Causes
{
    /// <summary>The cause as the beginning of a sentence.</summary>
    /// <param name="cause">The cause.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such cause.</exception>
    public static string Heading(this Cause cause) => char.ToUpperInvariant(cause.Words()[0]) + cause.Words()[1..];

    /// <summary>The cause in a few words.</summary>
    /// <param name="cause">The cause.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such cause.</exception>
    public static string Words(this Cause cause) => cause switch
    {
        Cause.Healthy => "healthy",
        Cause.NothingToDiagnose => "nothing to diagnose",
        Cause.FrozenBatchStatistics => "frozen layers train on batch statistics and predict with old ones",
        Cause.FrozenStatisticsDrift => "frozen layers whose running statistics drift",
        Cause.StaleStatistics => "running statistics lag behind",
        Cause.CorruptedStatistics => "wrong running statistics in a few layers",
        Cause.SmallBatches => "batches too small",
        Cause.WrongPreprocessing => "wrong preprocessing",
        Cause.Overfitting => "overfitting",
        Cause.LearningRateTooHigh => "learning rate too high",
        Cause.Leakage => "leakage",
        Cause.UnexplainedGap => "unexplained gap between training and inference",
        _ => throw new ArgumentOutOfRangeException(nameof(cause), cause, $"Unknown cause. Known: {string.Join(", ", Enum.GetNames<Cause>())}."),
    };
}
