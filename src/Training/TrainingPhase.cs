using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Training;

/// <summary>One part of a training with its own options.</summary>
/// <param name="Name">What it is for, in a word or two.</param>
/// <param name="Options">How this phase trains.</param>
/// <param name="Prepare">Called with the model before the phase, for example to freeze or unfreeze; null for nothing.</param>
public sealed record TrainingPhase(string Name, TrainingOptions Options, Action<Module<Tensor, Tensor>>? Prepare = null)
{
    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}
