using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Normalization;

/// <summary>A layer whose running statistics can be counted anew: a <see cref="ModalBatchNorm2d"/>, or TorchSharp's BatchNorm1d, 2d or 3d that keeps some.</summary>
internal sealed class StatisticsLayer
{
    private readonly double? momentum;
    private readonly long batches;

    private StatisticsLayer(Module<Tensor, Tensor> module)
    {
        Module = module;
        if (module is not NormBase norm) return;
        momentum = norm.momentum;
        batches = norm.num_batches_tracked?.item<long>() ?? 0;
    }

    /// <summary>The layer itself, for hooks.</summary>
    public Module<Tensor, Tensor> Module { get; }

    /// <summary>The running mean, (C); the layer's own tensor.</summary>
    public Tensor Mean => Module is ModalBatchNorm2d modal ? modal.RunningMean : ((NormBase)Module).running_mean!;

    /// <summary>The running variance, (C); the layer's own tensor.</summary>
    public Tensor Variance => Module is ModalBatchNorm2d modal ? modal.RunningVar : ((NormBase)Module).running_var!;

    /// <summary>All of them in a module, each once.</summary>
    public static StatisticsLayer[] In(Module module) =>
    [
        .. module.modules().Prepend(module)
            .Where(m => m is ModalBatchNorm2d { Replacement: null } or BatchNorm { running_mean: not null, running_var: not null })
            .Distinct(ReferenceEqualityComparer.Instance).Select(m => new StatisticsLayer((Module<Tensor, Tensor>)m!)),
    ];

    /// <summary>Normalises by the batch, or by the running statistics, from now on, and moves the latter by neither. Modes and training flags are for a <see cref="ModeSnapshot"/> to put back.</summary>
    public void NormaliseBy(bool batch)
    {
        if (Module is ModalBatchNorm2d modal) modal.Mode = batch ? BatchNormMode.BatchOnly : BatchNormMode.Inference;
        if (Module is not NormBase norm) return;
        norm.momentum = 0; // a pass in training mode then writes the old statistics back
        norm.train(batch);
    }

    /// <summary>Gives a layer of TorchSharp back its momentum and its number of batches, as they were when this was made.</summary>
    public void PutBack()
    {
        if (Module is not NormBase norm) return;
        norm.momentum = momentum;
        using var noGrad = no_grad();
        norm.num_batches_tracked?.fill_(batches);
    }

    /// <summary>Mean 0 and variance 1, as in a new layer.</summary>
    public void Reset()
    {
        if (Module is ModalBatchNorm2d modal) modal.ResetStatistics();
        else ((NormBase)Module).reset_running_stats();
    }

    /// <summary>Says that there are no such layers.</summary>
    public static ArgumentException Missing(string name) => new("There is no batch-norm layer with running statistics (ModalBatchNorm2d, or TorchSharp's BatchNorm1d, 2d or 3d), so there are none to count, copy or blend.", name);
}
