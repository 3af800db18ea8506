using UnetResnet.Runtime;

namespace UnetResnet.Training;

/// <summary>An epoch left weights that are NaN or infinite, although its losses were finite: a last step was not, and no later batch showed it.</summary>
public sealed class NonFiniteWeightsException : KitException
{
    internal NonFiniteWeightsException(int epoch, IReadOnlyList<string> parameters, int trained, double learningRate) : base(
        $"Epoch {epoch} left NaN or infinite values in {parameters.Count} of {trained} trained parameters (first in '{parameters[0]}'): the losses were finite, the last step was not. The weights are lost; build the network again or load a file. Then lower the learning rate (now {NumberText.Short(learningRate)}), and check that the loss has a gradient everywhere: a root or a logarithm of 0 has none.") =>
        (Epoch, Parameters) = (epoch, parameters);

    /// <summary>Number of the epoch, from 1. It is not in the history.</summary>
    public int Epoch { get; }

    /// <summary>Names of the parameters that hold such values.</summary>
    public IReadOnlyList<string> Parameters { get; }
}
