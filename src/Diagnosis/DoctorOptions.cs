using UnetResnet.Data;
using UnetResnet.Runtime;
using UnetResnet.Training;

namespace UnetResnet.Diagnosis;

/// <summary>What the doctor may know beyond the model and its training images. The more it knows, the more causes it can tell apart.</summary>
public sealed record DoctorOptions
{
    /// <summary>What the model was trained for; null for the task that fits the targets, see <see cref="LearningTask.For"/>.</summary>
    public LearningTask? Task { get; init; }

    /// <summary>The validation images: without them, overfitting and leakage cannot be seen.</summary>
    public IBatchSource? Validation { get; init; }

    /// <summary>The history of the training: without it, a learning rate that is too high cannot be seen.</summary>
    public TrainingHistory? History { get; init; }

    /// <summary>Images that are run through the model, at least 2. Statistics of fewer than 16 are noise.</summary>
    public int Images { get; init; } = 24;

    /// <summary>Images that each layer is attributed on, at least 2: three passes of them for each layer.</summary>
    public int AttributionImages { get; init; } = 6;

    /// <summary>Training steps so far; null takes the history's epochs times the loader's batches, or what TorchSharp's layers have counted.</summary>
    public int? Steps { get; init; }

    /// <summary>Checks the options.</summary>
    /// <returns>This record.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A value is out of its range.</exception>
    public DoctorOptions Validate()
    {
        if (Images < 2) throw new ArgumentOutOfRangeException(nameof(Images), Images, "A diagnosis compares a batch with running statistics and needs at least 2 images; 24 is the default.");
        if (AttributionImages < 2) throw new ArgumentOutOfRangeException(nameof(AttributionImages), AttributionImages, "An attribution needs batches of at least 2 images; 6 is the default.");
        if (Steps < 1) throw new ArgumentOutOfRangeException(nameof(Steps), Steps, "There must have been at least 1 training step; null if the number is not known.");
        return this;
    }

    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}
