using static TorchSharp.torch;

namespace UnetResnet.Data;

/// <summary>Makes an <see cref="IBatchSource"/> of batches that somebody else's code has, and reads from any.</summary>
public static class BatchSource
{
    /// <summary>Takes batches from a sequence of inputs and targets: a list, or an iterator that reads them from anywhere.</summary>
    /// <param name="batches">
    /// Inputs (N, …) and targets (N, …), see <see cref="Batch.Targets"/>; enumerated anew in every epoch. The tensors stay whose they are, because the batches are copies.
    /// </param>
    /// <param name="preprocessing">How pixels became inputs, if that is known.</param>
    /// <exception cref="ArgumentException">The sequence is empty, or inputs and targets of its first batch do not fit.</exception>
    public static IBatchSource Of(IEnumerable<(Tensor Inputs, Tensor Targets)> batches, Preprocessing? preprocessing = null)
    {
        ArgumentNullException.ThrowIfNull(batches);
        return Of(_ => batches, batches, preprocessing);
    }

    /// <summary>Takes batches from sequences that differ from epoch to epoch, such as a shuffled one.</summary>
    /// <param name="epochs">The batches of an epoch of a number.</param>
    /// <param name="inOrder">The same samples for judging, each once and without augmentation.</param>
    /// <param name="preprocessing">How pixels became inputs, if that is known.</param>
    /// <exception cref="ArgumentException">The sequence is empty, or inputs and targets of its first batch do not fit.</exception>
    public static IBatchSource Of(Func<int, IEnumerable<(Tensor Inputs, Tensor Targets)>> epochs, IEnumerable<(Tensor Inputs, Tensor Targets)> inOrder, Preprocessing? preprocessing = null)
    {
        ArgumentNullException.ThrowIfNull(epochs);
        ArgumentNullException.ThrowIfNull(inOrder);
        using Batch first = Sequence.Batches(inOrder).FirstOrDefault() ?? throw new ArgumentException("The sequence holds no batch.", nameof(inOrder));
        return new Sequence(epochs, inOrder, first.Size, preprocessing);
    }

    /// <summary>The inputs of one epoch without their targets, for what only looks at inputs. Each tensor is freed when the next one is asked for.</summary>
    /// <param name="source">The source.</param>
    /// <param name="epoch">Number of the epoch, see <see cref="IBatchSource.Epoch"/>.</param>
    /// <returns>Of images preprocessed (N, 3, H, W).</returns>
    public static IEnumerable<Tensor> Inputs(this IBatchSource source, int epoch = 0)
    {
        ArgumentNullException.ThrowIfNull(source);
        foreach (Batch batch in source.Epoch(epoch))
        {
            using (batch) yield return batch.Inputs;
        }
    }

    private sealed class Sequence : IBatchSource
    {
        private readonly Func<int, IEnumerable<(Tensor Inputs, Tensor Targets)>> epochs;
        private readonly IEnumerable<(Tensor Inputs, Tensor Targets)> inOrder;

        internal Sequence(Func<int, IEnumerable<(Tensor Inputs, Tensor Targets)>> epochs, IEnumerable<(Tensor Inputs, Tensor Targets)> inOrder, int batchSize, Preprocessing? preprocessing) =>
            (this.epochs, this.inOrder, BatchSize, Preprocessing) = (epochs, inOrder, batchSize, preprocessing);

        public int BatchSize { get; }

        public int? SampleCount => inOrder is IReadOnlyCollection<(Tensor Inputs, Tensor Targets)> list ? (int)list.Sum(batch => batch.Inputs.shape[0]) : null;

        public int? BatchCount => inOrder is IReadOnlyCollection<(Tensor Inputs, Tensor Targets)> list ? list.Count : null;

        public Preprocessing? Preprocessing { get; }

        public IEnumerable<Batch> Epoch(int epoch = 0) => Batches(epochs(epoch));

        public IBatchSource InOrder() => new Sequence(_ => inOrder, inOrder, BatchSize, Preprocessing);

        internal static IEnumerable<Batch> Batches(IEnumerable<(Tensor Inputs, Tensor Targets)> batches)
        {
            int samples = 0;
            foreach ((Tensor inputs, Tensor targets) in batches)
            {
                Batch batch = Batch.Of(inputs, targets, samples);
                samples += batch.Size;
                yield return batch;
            }
        }
    }
}
