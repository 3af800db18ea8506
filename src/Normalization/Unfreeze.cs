using static TorchSharp.torch.nn;

namespace UnetResnet.Normalization;

/// <summary>Undoes <see cref="Freeze"/>: parameters receive gradients, batch-norm layers are <see cref="BatchNormMode.Trainable"/> or another mode of choice.</summary>
public static class Unfreeze
{
    /// <summary>Unfreezes the child called <c>encoder</c>.</summary>
    /// <param name="model">A model with such a child.</param>
    /// <param name="mode">
    /// What its batch-norm layers do. <see cref="BatchNormMode.AffineOnly"/> keeps the running statistics in training too, which Keras's guide to fine-tuning asks for
    /// (<c>training=False</c>).
    /// </param>
    /// <returns>What was done.</returns>
    /// <exception cref="ArgumentException">There is no such child.</exception>
    public static FreezeReport Encoder(Module model, BatchNormMode mode = BatchNormMode.Trainable) => Prefix(model, "encoder", mode);

    /// <summary>Unfreezes the module of a name and everything below it.</summary>
    /// <param name="model">The model.</param>
    /// <param name="prefix">Dotted name; empty for everything.</param>
    /// <param name="mode">What its batch-norm layers do.</param>
    /// <returns>What was done.</returns>
    /// <exception cref="ArgumentException">Nothing has that name.</exception>
    public static FreezeReport Prefix(Module model, string prefix, BatchNormMode mode = BatchNormMode.Trainable)
    {
        Freezing.CheckPrefix(model, prefix);
        return Where(model, name => Freezing.IsBelow(name, prefix), mode);
    }

    /// <summary>Unfreezes whatever a predicate on names picks.</summary>
    /// <param name="model">The model.</param>
    /// <param name="which">Told the dotted names of parameters and of batch-norm layers.</param>
    /// <param name="mode">What the picked batch-norm layers do; it decides on their γ and β too.</param>
    /// <returns>What was done.</returns>
    public static FreezeReport Where(Module model, Func<string, bool> which, BatchNormMode mode = BatchNormMode.Trainable) =>
        Freezing.Apply(model, which, mode, train: true);
}
