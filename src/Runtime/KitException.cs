namespace UnetResnet.Runtime;

/// <summary>What goes wrong in this library and is nobody's bug: the message names the file or argument, what was expected, and the cure. Programs show the message alone.</summary>
public abstract class KitException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">Place, expectation, cure.</param>
    /// <param name="inner">What went wrong underneath, if anything did.</param>
    protected KitException(string message, Exception? inner = null) : base(message, inner) { }
}
