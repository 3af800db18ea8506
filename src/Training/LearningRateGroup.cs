using UnetResnet.Runtime;

namespace UnetResnet.Training;

/// <summary>A part of the model that is trained with a learning rate of its own ("discriminative learning rates", Howard and Ruder 2018).</summary>
/// <param name="Prefix">Dotted name of the part, for example <c>encoder</c>. Of several that fit a parameter the longest counts.</param>
/// <param name="Factor">The learning rate is this times the others'; above 0. A tenth is usual for a pre-trained encoder.</param>
public sealed record LearningRateGroup(string Prefix, double Factor)
{
    /// <summary>Whether a parameter belongs to the part.</summary>
    internal bool Holds(string parameter) => DottedName.IsIn(parameter, Prefix);

    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}
