using UnetResnet.Normalization;
using UnetResnet.Runtime;

namespace UnetResnet.Models;

/// <summary>One row of a <see cref="ModelSummary"/>.</summary>
/// <param name="Name">Name of the layer, with those of the modules around it: <c>encoder.res2a_branch2a</c>. Empty for the model itself.</param>
/// <param name="Type">Its class.</param>
/// <param name="OutputShape">Shape of its last output; null where it was not called or gives something other than one tensor.</param>
/// <param name="Parameters">Numbers it holds itself, moving statistics included, as Keras counts them.</param>
/// <param name="Trainable">How many of them receive gradients.</param>
/// <param name="BatchNorm">Mode of a <see cref="ModalBatchNorm2d"/> that is not folded or replaced, else null.</param>
public sealed record LayerSummary(string Name, string Type, IReadOnlyList<long>? OutputShape, long Parameters, long Trainable, BatchNormMode? BatchNorm)
{
    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}
