using static TorchSharp.torch.nn;

namespace UnetResnet.Normalization;

/// <summary>Freezes a part of a model, by name. <see cref="Unfreeze"/> undoes it. Survives <c>train()</c>, because batch-norm modes do.</summary>
public static class Freeze
{
    /// <summary>Freezes the child called <c>encoder</c>.</summary>
    /// <param name="model">A model with such a child, for example a U-Net.</param>
    /// <param name="mode">What its batch-norm layers do. <see cref="BatchNormMode.Inference"/> is the cure, <see cref="BatchNormMode.Keras213"/> the bug.</param>
    /// <returns>What was done.</returns>
    /// <exception cref="ArgumentException">There is no such child, see also <see cref="Where"/>.</exception>
    public static FreezeReport Encoder(Module model, BatchNormMode mode) => Prefix(model, "encoder", mode);

    /// <summary>Freezes the module of a name and everything below it.</summary>
    /// <param name="model">The model.</param>
    /// <param name="prefix">Dotted name, for example <c>encoder.res2a_branch2a</c>.</param>
    /// <param name="mode">What its batch-norm layers do.</param>
    /// <returns>What was done.</returns>
    /// <exception cref="ArgumentException">Nothing has that name, see also <see cref="Where"/>.</exception>
    public static FreezeReport Prefix(Module model, string prefix, BatchNormMode mode)
    {
        Freezing.CheckPrefix(model, prefix);
        return Where(model, name => Freezing.IsBelow(name, prefix), mode);
    }

    /// <summary>Freezes whatever a predicate on names picks.</summary>
    /// <param name="model">The model.</param>
    /// <param name="which">Told the dotted names of parameters (<c>encoder.conv1.weight</c>) and of batch-norm layers (<c>encoder.bn_conv1</c>).</param>
    /// <param name="mode">What the picked batch-norm layers do; it decides on their γ and β too.</param>
    /// <returns>What was done.</returns>
    /// <exception cref="ArgumentException">The mode is <see cref="BatchNormMode.Trainable"/>, or a batch-norm layer has no modes. Nothing is changed then.</exception>
    public static FreezeReport Where(Module model, Func<string, bool> which, BatchNormMode mode)
    {
        Freezing.CheckMode(model, which, mode);
        return Freezing.Apply(model, which, mode, train: false);
    }
}
