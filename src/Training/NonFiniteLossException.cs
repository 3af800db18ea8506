using UnetResnet.Runtime;

namespace UnetResnet.Training;

/// <summary>The loss became NaN or infinite: training cannot recover and stops before the weights are spoilt further.</summary>
public sealed class NonFiniteLossException : KitException
{
    internal NonFiniteLossException(int epoch, int batch, double loss, double learningRate) : base(
        $"The loss became {NumberText.Short(loss)} in epoch {epoch}, batch {batch}. Lower the learning rate (now {NumberText.Short(learningRate)}), check the images and masks of that batch for values out of range, and keep inner channel counts multiples of 16.") =>
        (Epoch, Batch) = (epoch, batch);

    /// <summary>Number of the epoch, from 1.</summary>
    public int Epoch { get; }

    /// <summary>Number of the batch in the epoch, from 1.</summary>
    public int Batch { get; }
}
