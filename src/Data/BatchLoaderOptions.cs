using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Data;

/// <summary>How <see cref="BatchLoader"/> makes batches.</summary>
public sealed record BatchLoaderOptions
{
    /// <summary>Samples in a batch, at least 1. Default: 10.</summary>
    public int BatchSize { get; init; } = 10;

    /// <summary>What the encoder's weights ask for. Default: <see cref="Preprocessing.Caffe"/>.</summary>
    public Preprocessing Preprocessing { get; init; } = Preprocessing.Caffe;

    /// <summary>Random changes of each sample, different in every epoch; null (default) for none.</summary>
    public Augmentation? Augmentation { get; init; }

    /// <summary>Whether every epoch has its own random order. Default: the dataset's order.</summary>
    public bool Shuffle { get; init; }

    /// <summary>Seed of order and augmentation.</summary>
    public int Seed { get; init; }

    /// <summary>Whether a last batch that is not full is left out. Default: it is kept.</summary>
    public bool DropLast { get; init; }

    /// <summary>
    /// Threads that decode and augment the images of a batch, 1 to 64; null (default) takes one for each core, eight at most. The batches are the same for any number.
    /// </summary>
    public int? Workers { get; init; }

    /// <summary>How many batches a background thread prepares ahead, 0 to 64; 0 prepares each when it is asked for. The batches are the same. Default: 2.</summary>
    public int Prefetch { get; init; } = 2;

    /// <summary>Where the tensors live; null (default) for the CPU.</summary>
    public Device? Device { get; init; }

    internal void Validate()
    {
        if (BatchSize < 1)
            throw new ArgumentOutOfRangeException(nameof(BatchSize), BatchSize, "A batch needs at least 1 sample.");
        if (Prefetch is < 0 or > 64)
            throw new ArgumentOutOfRangeException(nameof(Prefetch), Prefetch, "Between 0 and 64 batches are prepared ahead; 2 is enough as a rule.");
        if (Workers is < 1 or > 64)
            throw new ArgumentOutOfRangeException(nameof(Workers), Workers, "Between 1 and 64 threads prepare a batch; null takes one for each core.");
        ArgumentNullException.ThrowIfNull(Preprocessing);
        Augmentation?.Validate();
    }

    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}
