using UnetResnet.Data;
using UnetResnet.Runtime;
using UnetResnet.Training;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Diagnosis;

/// <summary>
/// One model on one batch: what comes out with chosen layers on the batch's statistics, each choice computed once, however many diagnostics ask for it.
/// </summary>
internal sealed class Examination : IDisposable
{
    private readonly Dictionary<string, Passed> known = [];
    private readonly IReadOnlyList<ProbedLayer> switching;
    private readonly long seed;

    /// <summary>Begins with nothing computed.</summary>
    /// <param name="probe">The model; stays the caller's.</param>
    /// <param name="batch">The batch; stays the caller's.</param>
    /// <param name="task">What the model was trained for; null for the task that fits.</param>
    /// <param name="seed">Seed of the dropout; every pass with dropout drops the same units.</param>
    internal Examination(ProbedModel probe, Batch batch, LearningTask? task, long seed = 0)
    {
        (Probe, Batch, Task, this.seed) = (probe, batch, task, seed);
        switching = probe.Switching;
        probe.CheckBatchSize(batch.Size);
    }

    internal ProbedModel Probe { get; }

    internal Batch Batch { get; }

    internal LearningTask? Task { get; }

    /// <summary>Every layer as in training, dropout off.</summary>
    internal Passed Training => With(_ => true);

    /// <summary>Every layer as in inference, dropout off.</summary>
    internal Passed Inference => With(_ => false);

    /// <summary>Output and judgement with chosen layers on the batch's statistics, dropout off.</summary>
    /// <param name="batchStatistics">Which of the layers that switch.</param>
    /// <param name="watched">Layers that are looked at, which takes a pass of its own; null for none.</param>
    /// <param name="see">Gets a watched layer and its input, which is valid during the call only.</param>
    /// <returns>The output belongs to the examination.</returns>
    internal Passed With(Func<ProbedLayer, bool> batchStatistics, IEnumerable<ProbedLayer>? watched = null, Action<ProbedLayer, Tensor>? see = null)
    {
        string key = string.Concat(switching.Select(layer => batchStatistics(layer) ? '1' : '0'));
        if (watched is null && known.TryGetValue(key, out Passed? before)) return before;
        Probe.UseBatchStatistics(batchStatistics);
        Passed passed = Pass(watched ?? [], see ?? ((_, _) => { }));
        if (known.Remove(key, out Passed? again)) again.Output.Dispose();
        return known[key] = passed;
    }

    /// <summary>Judgement with chosen layers on the batch's statistics and dropout on.</summary>
    /// <param name="batchStatistics">Which of the layers that switch.</param>
    internal Judgement WithDropout(Func<ProbedLayer, bool> batchStatistics)
    {
        if (With(batchStatistics).Dropped is { } dropped) return dropped;
        using var scope = NewDisposeScope();
        Probe.UseBatchStatistics(batchStatistics);
        Probe.UseDropout(true);
        TorchRuntime.Seed(seed);
        Tensor output = Probe.Forward(Batch.Inputs);
        Probe.UseDropout(false);
        return Judgement.Of(output, Batch.Targets, Task);
    }

    public void Dispose()
    {
        foreach (Passed passed in known.Values) passed.Output.Dispose();
        known.Clear();
    }

    private Passed Pass(IEnumerable<ProbedLayer> watched, Action<ProbedLayer, Tensor> see)
    {
        using var scope = NewDisposeScope();
        if (Probe.LastDropout is not { } dropout)
        {
            Tensor output = Probe.Forward(Batch.Inputs, watched, see).DetachFromDisposeScope();
            return new Passed(output, Judgement.Of(output, Batch.Targets, Task), null);
        }

        // Only what follows the dropout differs: from there on, the images go through twice.
        using var doubling = new DroppedToo(dropout, seed);
        Tensor both = Probe.Forward(Batch.Inputs, watched, see);
        int images = Batch.Size;
        Tensor plain = both.narrow(0, 0, images).clone().DetachFromDisposeScope();
        return new Passed(plain, Judgement.Of(plain, Batch.Targets, Task), Judgement.Of(both.narrow(0, images, images), Batch.Targets, Task));
    }

    /// <summary>What came out, and how good it is; with dropout too, where that took no pass of its own.</summary>
    internal sealed record Passed(Tensor Output, Judgement Judged, Judgement? Dropped);

    /// <summary>Appends to what a dropout layer gives the same images with dropout on.</summary>
    private sealed class DroppedToo : IDisposable
    {
        private readonly Action remove;
        private bool inside;

        internal DroppedToo(Module<Tensor, Tensor> dropout, long seed) => remove = dropout.register_forward_hook((_, input, output) =>
        {
            if (inside) return output;
            inside = true;
            dropout.train();
            TorchRuntime.Seed(seed);
            using Tensor dropped = dropout.call(input);
            dropout.eval();
            inside = false;
            return cat([output, dropped]);
        }).remove;

        public void Dispose() => remove();
    }
}
