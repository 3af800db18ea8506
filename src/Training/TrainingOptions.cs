namespace UnetResnet.Training;

/// <summary>How a network is trained.</summary>
public sealed record TrainingOptions
{
    /// <summary>Epochs at most, at least 1.</summary>
    public int Epochs { get; init; } = 12;

    /// <summary>Learning rate of Adam, above 0.</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>How the learning rate changes from batch to batch.</summary>
    public LearningRateSchedule Schedule { get; init; } = LearningRateSchedules.Constant;

    /// <summary>What is minimised.</summary>
    public SegmentationLoss Loss { get; init; } = SegmentationLosses.BinaryCrossEntropy;

    /// <summary>Seed of libtorch's generators (dropout). The order of the images is the loader's.</summary>
    public int Seed { get; init; }

    /// <summary>Epochs without a better validation loss after which training stops; null to go on.</summary>
    public int? EarlyStoppingPatience { get; init; }

    /// <summary>
    /// Whether the training images are scored in inference mode too after every epoch: the figure that tells overfitting (it is good) from a mismatch
    /// between training and inference (it is as bad as validation). Costs one forward pass over them.
    /// </summary>
    public bool ScoreTrainingInInferenceMode { get; init; } = true;

    /// <summary>Checks the options.</summary>
    /// <returns>This record.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A value is out of its range.</exception>
    public TrainingOptions Validate()
    {
        if (Epochs < 1) throw new ArgumentOutOfRangeException(nameof(Epochs), Epochs, "There must be at least 1 epoch.");
        if (!(LearningRate > 0) || !double.IsFinite(LearningRate)) throw new ArgumentOutOfRangeException(nameof(LearningRate), LearningRate, "The learning rate must be above 0; 1e-3 is Adam's default.");
        if (EarlyStoppingPatience < 1) throw new ArgumentOutOfRangeException(nameof(EarlyStoppingPatience), EarlyStoppingPatience, "The patience must be at least 1 epoch; null switches early stopping off.");
        return this;
    }
}
