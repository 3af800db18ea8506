using UnetResnet.Runtime;

namespace UnetResnet.Weights;

/// <summary>A weights file cannot be read, or does not fit the network. The message names the file, what was expected and the cure.</summary>
public sealed class WeightsException : KitException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">File, expectation, cure.</param>
    /// <param name="inner">What went wrong underneath, if anything did.</param>
    public WeightsException(string message, Exception? inner = null) : base(message, inner) { }
}
