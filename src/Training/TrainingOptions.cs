using UnetResnet.Runtime;

namespace UnetResnet.Training;

/// <summary>How a network is trained.</summary>
public sealed record TrainingOptions
{
    /// <summary>Epochs at most, at least 1.</summary>
    public int Epochs { get; init; } = 12;

    /// <summary>Learning rate of Adam, above 0.</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>Parts of the model with a learning rate of their own; the default is none.</summary>
    public IReadOnlyList<LearningRateGroup> LearningRates { get; init; } = [];

    /// <summary>
    /// How many of the last epochs leave running statistics alone and normalise by them, so that what is learnt there is learnt for inference (Wu and Johnson 2021,
    /// "Rethinking 'Batch' in BatchNorm"); 0 for none. What is trained stays trained, and afterwards every layer has its mode again.
    /// </summary>
    public int StillStatisticsEpochs { get; init; }

    /// <summary>How the learning rate changes from batch to batch.</summary>
    public LearningRateSchedule Schedule { get; init; } = LearningRateSchedules.Constant;

    /// <summary>What is minimised and how it is judged; null (default) for the task that fits the targets, see <see cref="LearningTask.For"/>.</summary>
    public LearningTask? Task { get; init; }

    /// <summary>Seed of libtorch's generators (dropout). The order of the images is the loader's.</summary>
    public int Seed { get; init; }

    /// <summary>Epochs without a better validation loss after which training stops; null to go on.</summary>
    public int? EarlyStoppingPatience { get; init; }

    /// <summary>
    /// Whether the training images are scored in inference mode too after every epoch: the figure that tells overfitting (it is good) from a mismatch
    /// between training and inference (it is as bad as validation). Costs one forward pass over them.
    /// </summary>
    public bool ScoreTrainingInInferenceMode { get; init; } = true;

    /// <summary>
    /// Numbers in which convolutions are computed, here and in the scores after every epoch. <see cref="Precision.BFloat16"/> is for this library's networks on a processor that
    /// multiplies bfloat16; weights, statistics of batch norm and loss stay in float32.
    /// </summary>
    public Precision Precision { get; init; }

    /// <summary>
    /// Whether residual blocks and decoder stages forget their intermediate results and compute them again in the backward pass: less memory, the same gradients, a third
    /// more time. For this library's networks; others train as usual.
    /// </summary>
    public bool RecomputeActivations { get; init; }

    /// <summary>How many checkpoints stay in the folder that <see cref="Trainer.Fit"/> is given, at least 1: the newest ones. Should one be damaged, the one before it is taken.</summary>
    public int KeptCheckpoints { get; init; } = 3;

    /// <summary>Checks the options.</summary>
    /// <returns>This record.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A value is out of its range.</exception>
    public TrainingOptions Validate()
    {
        if (Epochs < 1) throw new ArgumentOutOfRangeException(nameof(Epochs), Epochs, "There must be at least 1 epoch.");
        if (!(LearningRate > 0) || !double.IsFinite(LearningRate)) throw new ArgumentOutOfRangeException(nameof(LearningRate), LearningRate, "The learning rate must be above 0; 1e-3 is Adam's default.");
        if (EarlyStoppingPatience < 1) throw new ArgumentOutOfRangeException(nameof(EarlyStoppingPatience), EarlyStoppingPatience, "The patience must be at least 1 epoch; null switches early stopping off.");
        if (!Enum.IsDefined(Precision)) throw new ArgumentOutOfRangeException(nameof(Precision), Precision, "The precision is Float32 or BFloat16.");
        if (KeptCheckpoints < 1) throw new ArgumentOutOfRangeException(nameof(KeptCheckpoints), KeptCheckpoints, "At least 1 checkpoint must be kept; 2 or more survive a damaged file.");
        if (StillStatisticsEpochs < 0) throw new ArgumentOutOfRangeException(nameof(StillStatisticsEpochs), StillStatisticsEpochs, "The number of epochs with still statistics must be 0 or more.");
        if (LearningRates.FirstOrDefault(g => !(g.Factor > 0) || !double.IsFinite(g.Factor)) is { } wrong)
            throw new ArgumentOutOfRangeException(nameof(LearningRates), wrong.Factor, $"The factor of '{wrong.Prefix}' must be above 0; freeze the part to leave it untrained.");
        return this;
    }

    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}
