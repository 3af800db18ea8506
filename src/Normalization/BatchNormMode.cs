namespace UnetResnet.Normalization;

/// <summary>
/// What a batch-normalisation layer does, as frameworks have done it through history. Three questions tell the modes apart:
/// which statistics normalise in training, whether training updates the running statistics, and whether γ and β are trained.
/// </summary>
/// <remarks>
/// <list type="table">
/// <listheader><term>mode</term><description>statistics in training · running statistics in training · γ, β · statistics in inference</description></listheader>
/// <item><term><see cref="Trainable"/></term><description>batch · updated · trained · running</description></item>
/// <item><term><see cref="KerasLegacy"/></term><description>batch · updated · fixed · running</description></item>
/// <item><term><see cref="Keras213"/></term><description>batch · <em>left alone</em> · fixed · running (the bug)</description></item>
/// <item><term><see cref="TorchFrozenParameters"/></term><description>batch · updated · fixed · running</description></item>
/// <item><term><see cref="Inference"/></term><description>running · left alone · fixed · running (the cure)</description></item>
/// <item><term><see cref="AffineOnly"/></term><description>running · left alone · trained · running</description></item>
/// <item><term><see cref="BatchOnly"/></term><description>batch · left alone · fixed · <em>batch</em></description></item>
/// </list>
/// <see cref="KerasLegacy"/> and <see cref="TorchFrozenParameters"/> have the same row: they differ in how the running statistics move
/// (momentum and variance estimator, see <see cref="BatchNormOptions"/>), which is why one is a slow and the other a fast drift.
/// </remarks>
public enum BatchNormMode
{
    /// <summary>An ordinary layer: batch statistics in training, running statistics updated, γ and β trained.</summary>
    Trainable,

    /// <summary>
    /// Keras up to 2.1.2 with <c>trainable = False</c>: γ and β are fixed, but the moving statistics keep drifting towards the new data.
    /// Source: keras 2.1.2, <c>normalization.py</c> adds its updates unconditionally.
    /// </summary>
    KerasLegacy,

    /// <summary>
    /// Keras 2.1.3 to 2.3.1 with <c>trainable = False</c>: training normalises with the statistics of the batch, never updates the moving
    /// statistics, and inference uses those old ones: the network is trained as one function and validated as another.
    /// Source: keras commit 24246ea5 (2018-01-11) stopped the updates; <c>call()</c> never looked at <c>trainable</c>.
    /// </summary>
    Keras213,

    /// <summary>
    /// PyTorch with <c>requires_grad = false</c> alone: training mode still normalises with the batch and still updates the running statistics.
    /// </summary>
    TorchFrozenParameters,

    /// <summary>
    /// Running statistics always: what TensorFlow 2 does with <c>trainable = False</c>, and detectron2's FrozenBatchNorm. The cure.
    /// </summary>
    Inference,

    /// <summary>Running statistics always, but γ and β are trained (Frankle 2020; TENT without its batch statistics).</summary>
    AffineOnly,

    /// <summary>
    /// Batch statistics always, in inference too: PyTorch's <c>track_running_stats = False</c>, TENT's <c>Norm</c>. A prediction then depends on
    /// the other images of its batch.
    /// </summary>
    BatchOnly,
}

/// <summary>The three questions, answered for each mode.</summary>
public static class BatchNormModes
{
    /// <summary>Whether the statistics of the batch normalise.</summary>
    /// <param name="mode">The mode.</param>
    /// <param name="training">Whether the module is in training mode.</param>
    public static bool UsesBatchStatistics(this BatchNormMode mode, bool training) => Check(mode) switch
    {
        BatchNormMode.BatchOnly => true,
        BatchNormMode.Inference or BatchNormMode.AffineOnly => false,
        _ => training,
    };

    /// <summary>Whether a forward pass in training mode moves the running statistics.</summary>
    /// <param name="mode">The mode.</param>
    public static bool UpdatesStatistics(this BatchNormMode mode) =>
        Check(mode) is BatchNormMode.Trainable or BatchNormMode.KerasLegacy or BatchNormMode.TorchFrozenParameters;

    /// <summary>Whether γ and β receive gradients.</summary>
    /// <param name="mode">The mode.</param>
    public static bool TrainsAffine(this BatchNormMode mode) => Check(mode) is BatchNormMode.Trainable or BatchNormMode.AffineOnly;

    private static BatchNormMode Check(BatchNormMode mode) => Enum.IsDefined(mode)
        ? mode
        : throw new ArgumentOutOfRangeException(nameof(mode), mode, $"Unknown batch-norm mode. Known: {string.Join(", ", Enum.GetNames<BatchNormMode>())}.");
}
