namespace UnetResnet.Data;

/// <summary>
/// Where batches come from: what trainer, doctor and every diagnostic take. <see cref="BatchLoader"/> makes them of images and masks, <see cref="BatchSource"/> of
/// anything else. A source knows what it does with its data, so that nobody has to guess it from the pixels.
/// </summary>
public interface IBatchSource
{
    /// <summary>Samples in a full batch, at least 1.</summary>
    int BatchSize { get; }

    /// <summary>Samples of an epoch, or null where that shows only at its end.</summary>
    int? SampleCount { get; }

    /// <summary>Batches of an epoch, or null where that shows only at its end.</summary>
    int? BatchCount { get; }

    /// <summary>How pixels 0–255 became inputs, or null where that is not known or the inputs are no images.</summary>
    Preprocessing? Preprocessing { get; }

    /// <summary>The batches of one epoch; every enumeration starts anew.</summary>
    /// <param name="epoch">Number of the epoch, for sources with an order or augmentation of their own in each.</param>
    /// <returns>Batches that the consumer disposes, each one when it is done with.</returns>
    IEnumerable<Batch> Epoch(int epoch = 0);

    /// <summary>The same samples for judging: each once, always in the same order, without augmentation.</summary>
    IBatchSource InOrder();
}
