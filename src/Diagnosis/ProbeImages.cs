using UnetResnet.Data;
using static TorchSharp.torch;

namespace UnetResnet.Diagnosis;

/// <summary>The few images on which a diagnosis runs.</summary>
internal static class ProbeImages
{
    /// <summary>The first images of a source as one batch.</summary>
    /// <param name="batches">Batches such as <see cref="IBatchSource.Epoch"/> gives; those that are taken are disposed.</param>
    /// <param name="most">Images at most.</param>
    /// <returns>A batch of its own, owned by the caller.</returns>
    /// <exception cref="ArgumentException">There is no batch.</exception>
    internal static Batch First(IEnumerable<Batch> batches, int most)
    {
        using var scope = NewDisposeScope();
        var (inputs, targets) = (new List<Tensor>(), new List<Tensor>());
        long taken = 0;
        foreach (Batch batch in batches)
        {
            using (batch)
            {
                long count = Math.Min(batch.Size, most - taken);
                inputs.Add(batch.Inputs.narrow(0, 0, count).clone());
                targets.Add(batch.Targets.narrow(0, 0, count).clone());
                taken += count;
            }

            if (taken >= most) break;
        }

        return taken > 0
            ? Batch.Of(cat(inputs), cat(targets))
            : throw new ArgumentException("The source yields no batch, so there is nothing to run the model on. Give it a dataset with at least 2 images.", nameof(batches));
    }
}
