using TorchSharp.Modules;
using UnetResnet.Data;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Training;

/// <summary>A training in phases, each with its own options and preparation, and one history.</summary>
/// <param name="Phases">The phases, in order, at least one.</param>
public sealed record TrainingRecipe(params IReadOnlyList<TrainingPhase> Phases)
{
    /// <summary>
    /// First the decoder on a frozen encoder in inference mode, then everything, slowly, with the encoder's running statistics as they are: what Keras's guide to
    /// fine-tuning recommends (<c>training=False</c> also after unfreezing).
    /// </summary>
    /// <param name="options">How the first phase trains; the second has its learning rate times <paramref name="factor"/>.</param>
    /// <param name="wholeEpochs">Epochs of the second phase.</param>
    /// <param name="factor">Above 0; small, so that the features change little.</param>
    public static TrainingRecipe TwoPhase(TrainingOptions options, int wholeEpochs, double factor = 0.1) => new(
        new TrainingPhase("decoder", options, model => model.Freeze(InEncoder, BatchNormMode.Inference)),
        new TrainingPhase("whole", options with { Epochs = wholeEpochs, LearningRate = options.LearningRate * factor }, model => model.Unfreeze(InEncoder, BatchNormMode.AffineOnly)));

    /// <summary>Everything from the start, the encoder with a smaller learning rate than the decoder, batch norm as usual.</summary>
    /// <param name="options">How the decoder trains.</param>
    /// <param name="factor">The encoder's learning rate is this times the decoder's.</param>
    public static TrainingRecipe Discriminative(TrainingOptions options, double factor = 0.1) => new(
        new TrainingPhase("discriminative", options with { LearningRates = [.. options.LearningRates, new LearningRateGroup("encoder", factor)] }, model => model.Unfreeze()));

    /// <summary>Everything with a lower learning rate and stronger spatial dropout: what people did in 2018, and a recipe for overfitting on few images.</summary>
    /// <param name="options">How a frozen network would train.</param>
    /// <param name="factor">The learning rate is this times <paramref name="options"/>'.</param>
    /// <param name="dropout">Rate of every spatial dropout in the model from then on, 0 to below 1.</param>
    public static TrainingRecipe UnfreezeEverything(TrainingOptions options, double factor = 0.1, double dropout = 0.5)
    {
        if (dropout is not (>= 0 and < 1)) throw new ArgumentOutOfRangeException(nameof(dropout), dropout, "The dropout rate must be at least 0 and below 1.");
        return new(new TrainingPhase("everything", options with { LearningRate = options.LearningRate * factor }, model =>
        {
            model.Unfreeze();
            foreach (Dropout2d layer in model.modules().OfType<Dropout2d>()) layer.p = dropout;
        }));
    }

    /// <summary>Trains a model through the phases.</summary>
    /// <param name="model">Inputs to logits. Stays the caller's, as the last phase leaves it.</param>
    /// <param name="training">The training batches.</param>
    /// <param name="validation">The validation batches.</param>
    /// <param name="progress">Told about every epoch that ends, or null.</param>
    /// <param name="cancellation">Stops between two batches.</param>
    /// <param name="checkpoints">Folder of the checkpoints of all phases, or null, see <see cref="Trainer.Fit"/>. Preparations of phases that are over are made again, and their epochs are not trained again.</param>
    /// <returns>The epochs of all phases, counted through.</returns>
    /// <exception cref="InvalidOperationException">There is no phase, or nothing to train in one.</exception>
    /// <exception cref="CheckpointException">A checkpoint cannot be written, or those in the folder are of another training.</exception>
    public TrainingHistory Fit(Module<Tensor, Tensor> model, IBatchSource training, IBatchSource validation, IProgress<EpochRecord>? progress = null, CancellationToken cancellation = default, string? checkpoints = null)
    {
        if (Phases.Count == 0) throw new InvalidOperationException("The recipe has no phase, so there is nothing to train.");
        var history = new TrainingHistory();
        foreach (TrainingPhase phase in Phases)
        {
            phase.Prepare?.Invoke(model);
            new Trainer(model, phase.Options, history).Fit(training, validation, progress, cancellation, checkpoints);
        }

        return history;
    }

    private static bool InEncoder(string name) => DottedName.IsIn(name, "encoder");

    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}
