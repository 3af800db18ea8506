using UnetResnet.Data;
using UnetResnet.Training;
using static TorchSharp.torch;

namespace UnetResnet.Diagnosis;

/// <summary>
/// One model on one batch: what comes out with chosen layers on the batch's statistics, each choice computed once, however many diagnostics ask for it. Dropout is off.
/// </summary>
internal sealed class Examination : IDisposable
{
    private readonly Dictionary<string, (Tensor Output, Judgement Judged)> known = [];
    private readonly IReadOnlyList<ProbedLayer> switching;

    /// <summary>Begins with nothing computed.</summary>
    /// <param name="probe">The model; stays the caller's.</param>
    /// <param name="batch">The batch; stays the caller's.</param>
    /// <param name="task">What the model was trained for; null for the task that fits.</param>
    internal Examination(ProbedModel probe, Batch batch, LearningTask? task)
    {
        (Probe, Batch, Task) = (probe, batch, task);
        switching = probe.Switching;
        probe.CheckBatchSize(batch.Size);
    }

    internal ProbedModel Probe { get; }

    internal Batch Batch { get; }

    internal LearningTask? Task { get; }

    /// <summary>Every layer as in training.</summary>
    internal (Tensor Output, Judgement Judged) Training => With(_ => true);

    /// <summary>Every layer as in inference.</summary>
    internal (Tensor Output, Judgement Judged) Inference => With(_ => false);

    /// <summary>Output and judgement with chosen layers on the batch's statistics.</summary>
    /// <param name="batchStatistics">Which of the layers that switch.</param>
    /// <param name="pass">How the model is run, with hooks for example; null for a plain pass.</param>
    /// <returns>The output belongs to the examination.</returns>
    internal (Tensor Output, Judgement Judged) With(Func<ProbedLayer, bool> batchStatistics, Func<Tensor>? pass = null)
    {
        string key = string.Concat(switching.Select(layer => batchStatistics(layer) ? '1' : '0'));
        if (pass is null && known.TryGetValue(key, out (Tensor Output, Judgement Judged) before)) return before;
        Probe.UseBatchStatistics(batchStatistics);
        Tensor output = (pass?.Invoke() ?? Probe.Forward(Batch.Inputs)).DetachFromDisposeScope();
        if (known.Remove(key, out (Tensor Output, Judgement Judged) again)) again.Output.Dispose();
        return known[key] = (output, Judgement.Of(output, Batch.Targets, Task));
    }

    public void Dispose()
    {
        foreach ((Tensor output, _) in known.Values) output.Dispose();
        known.Clear();
    }
}
