using TorchSharp.Modules;
using UnetResnet.Normalization;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Diagnosis;

/// <summary>
/// A batch-norm layer of any network: TorchSharp's BatchNorm1d, 2d and 3d, <see cref="ModalBatchNorm2d"/> and <see cref="FrozenBatchNorm2d"/>, seen in one way.
/// Its tensors belong to the layer.
/// </summary>
public sealed class BatchNormLayer
{
    private readonly Module<Tensor, Tensor> module;

    private BatchNormLayer(string name, Module<Tensor, Tensor> module) => (Name, this.module) = (name, module);

    /// <summary>Dotted name in the model; empty where the model itself is the layer.</summary>
    public string Name { get; }

    /// <summary>Name of the layer's type.</summary>
    public string Type => module.GetType().Name;

    /// <summary>Place in the forward pass, from 0.</summary>
    public int Place { get; internal set; }

    /// <summary>How often one forward pass uses the layer. More than once, its running statistics mix several distributions.</summary>
    public int Uses { get; internal set; }

    /// <summary>Values per channel that one image contributes, over all uses; a batch statistic of fewer than two values is no statistic.</summary>
    public long ValuesPerImage { get; internal set; }

    /// <summary>Whether the layer normalises by the batch in training: its own mode and the training flag that <c>model.train()</c> leaves it with.</summary>
    public bool BatchInTraining { get; internal set; }

    /// <summary>Whether the layer normalises by the batch in inference too.</summary>
    public bool BatchInInference { get; internal set; }

    /// <summary>Whether training moves the running statistics.</summary>
    public bool UpdatesInTraining { get; internal set; }

    /// <summary>Whether the layer is one function in training and another in inference. Only such a layer can have the disease.</summary>
    public bool Switches => BatchInTraining && !BatchInInference;

    /// <summary>Number of channels C.</summary>
    public long Channels => module switch
    {
        ModalBatchNorm2d modal => modal.Channels,
        FrozenBatchNorm2d frozen => frozen.RunningMean.shape[0],
        _ => ((NormBase)module).num_features,
    };

    /// <summary>What is added to the variance before the root.</summary>
    public double Eps => module switch
    {
        ModalBatchNorm2d modal => modal.Options.Eps,
        FrozenBatchNorm2d frozen => frozen.Eps,
        _ => ((NormBase)module).eps,
    };

    /// <summary>Weight of the new value in the running statistics, as PyTorch counts; 0 where they do not move, null for a cumulative average.</summary>
    public double? Momentum => module switch
    {
        ModalBatchNorm2d modal => modal.Options.Momentum,
        FrozenBatchNorm2d => 0,
        _ => ((NormBase)module).momentum,
    };

    /// <summary>γ, shape (C), or null where the layer has none, which is γ = 1.</summary>
    public Tensor? Gamma => module switch
    {
        ModalBatchNorm2d modal => modal.Weight,
        FrozenBatchNorm2d frozen => frozen.Weight,
        _ => ((NormBase)module).weight,
    };

    /// <summary>β, shape (C), or null where the layer has none, which is β = 0.</summary>
    public Tensor? Beta => module switch
    {
        ModalBatchNorm2d modal => modal.Bias,
        FrozenBatchNorm2d frozen => frozen.Bias,
        _ => ((NormBase)module).bias,
    };

    /// <summary>Running mean, shape (C), or null where the layer keeps none.</summary>
    public Tensor? RunningMean => module switch
    {
        ModalBatchNorm2d modal => modal.RunningMean,
        FrozenBatchNorm2d frozen => frozen.RunningMean,
        _ => ((NormBase)module).running_mean,
    };

    /// <summary>Running variance, shape (C), or null where the layer keeps none.</summary>
    public Tensor? RunningVar => module switch
    {
        ModalBatchNorm2d modal => modal.RunningVar,
        FrozenBatchNorm2d frozen => frozen.RunningVar,
        _ => ((NormBase)module).running_var,
    };

    /// <summary>The layer itself, for hooks.</summary>
    internal Module<Tensor, Tensor> Module => module;

    /// <summary>The batch-norm layers below a module and the module itself, each once, in the order of registration and not yet looked at.</summary>
    internal static IReadOnlyList<BatchNormLayer> In(Module model) =>
        [.. model.named_modules().Prepend((name: "", module: model))
            .Where(m => m.module is BatchNorm or ModalBatchNorm2d { Replacement: null } or FrozenBatchNorm2d)
            .DistinctBy(m => m.module, ReferenceEqualityComparer.Instance)
            .Select(m => new BatchNormLayer(m.name, (Module<Tensor, Tensor>)m.module))];

    /// <summary>Which statistics the layer would use with the training flag that it has now.</summary>
    internal bool UsesBatchNow => module switch
    {
        ModalBatchNorm2d modal => modal.Mode.UsesBatchStatistics(modal.training),
        FrozenBatchNorm2d => false,
        NormBase norm => norm.training || norm.running_mean is null || norm.running_var is null,
        _ => false,
    };

    /// <summary>Whether a forward pass would move the running statistics with the training flag that the layer has now.</summary>
    internal bool UpdatesNow => module switch
    {
        ModalBatchNorm2d modal => modal.training && modal.Mode.UpdatesStatistics() && modal.Options.Momentum != 0,
        NormBase norm => norm.training && norm.track_running_stats && norm.running_mean is not null && norm.momentum != 0,
        _ => false,
    };

    /// <summary>
    /// Normalises by the batch or by the running statistics from now on, without moving the latter. What this changes (mode, momentum, training flag, and
    /// TorchSharp's count of batches) is for the caller to put back, see <see cref="ModelState"/>.
    /// </summary>
    internal void Use(bool batchStatistics)
    {
        if (module is ModalBatchNorm2d modal) modal.Mode = batchStatistics ? BatchNormMode.BatchOnly : BatchNormMode.Inference;
        if (module is not NormBase norm) return;
        // With momentum 0 a pass in training mode writes the old running statistics back.
        norm.momentum = 0;
        norm.train(batchStatistics);
    }
}
