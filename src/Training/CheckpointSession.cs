using UnetResnet.Data;
using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Training;

/// <summary>One call of <see cref="Trainer.Fit"/> and its folder of checkpoints: where to go on, and what to save.</summary>
internal sealed class CheckpointSession
{
    private readonly CheckpointFolder folder;
    private readonly Module<Tensor, Tensor> model;
    private readonly TrainingOptions options;
    private readonly TrainingHistory history;
    private readonly IReadOnlyDictionary<string, string> settings;
    private readonly int first;
    private IReadOnlyList<int> phases;

    /// <summary>Opens the folder before a training whose first epoch follows the history.</summary>
    /// <exception cref="CheckpointException">The folder cannot be written to.</exception>
    internal CheckpointSession(string path, Module<Tensor, Tensor> model, TrainingOptions options, TrainingHistory history, IBatchSource training, IBatchSource validation)
    {
        (this.model, this.options, this.history, first) = (model, options, history, history.Count + 1);
        phases = [first];
        folder = new CheckpointFolder(path, options.KeptCheckpoints);
        settings = TrainingSettings.Of(model, options, training, validation);
    }

    /// <summary>
    /// Puts network, optimiser, random state and history where the newest checkpoint has them. Where that is one of a later phase, this one is over: its epochs come from there, and the
    /// network gets the weights, which the later phase replaces by the same.
    /// </summary>
    /// <param name="optimizer">Of this phase's parameters.</param>
    /// <param name="batches">Batches of an epoch, if a checkpoint knows them and the source does not.</param>
    /// <returns>Whether this phase is over.</returns>
    /// <exception cref="CheckpointException">The checkpoint is of another training.</exception>
    internal bool Resume(FusedAdam optimizer, ref int? batches)
    {
        using var scope = NewDisposeScope();
        bool damaged = false;
        Checkpoint? newest = folder.Newest(remark =>
        {
            // Of several phases each looks.
            if (!history.Remarks.Contains(remark)) history.Add(remark);
            damaged = true;
        });
        if (newest is null)
        {
            if (damaged) history.Add("No other checkpoint is there, so the training begins at its start.");
            return false;
        }

        string path = folder.PathOf(newest.Epoch);
        int begun = newest.Phases[^1];
        // The end of the phase before: nothing of this one is there yet.
        if (begun < first && newest.Epoch == first - 1)
        {
            phases = [.. newest.Phases, first];
            return false;
        }

        if (!newest.Phases.Contains(first))
            throw new CheckpointException($"{path} is of another training: its phases begin with epoch {string.Join(", ", newest.Phases.Select(phase => NumberText.Short(phase)))}, and this one begins with epoch {first}. Name another folder.");
        bool over = begun > first;
        if (!over && TrainingSettings.Difference(newest.Settings, settings) is { } difference)
            throw new CheckpointException($"{path} is of another training: {difference}. Go on with what it was written with, or name another folder.");
        newest.RestoreModel(model, path);
        int end = over ? newest.Phases.First(phase => phase > first) - 1 : newest.Epoch;
        foreach (EpochRecord epoch in newest.History.Where(e => e.Epoch >= first && e.Epoch <= end)) history.Add(epoch);
        if (over) return true;

        newest.RestoreProgress(optimizer, options.Seed);
        batches ??= newest.Batches;
        phases = newest.Phases;
        history.Add($"Resumed after epoch {newest.Epoch}, from {path}.");
        return false;
    }

    /// <summary>Saves the state at the end of the history's last epoch.</summary>
    /// <exception cref="CheckpointException">The file cannot be written.</exception>
    internal void Save(FusedAdam optimizer, int? batches) =>
        folder.Save(new Checkpoint(history.Last.Epoch, phases, batches, settings, [.. history]), model, optimizer);
}
