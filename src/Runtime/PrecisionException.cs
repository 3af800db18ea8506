namespace UnetResnet.Runtime;

/// <summary>A precision was asked for that the processor, the device or the network does not have. The message says which, and what to use instead.</summary>
public sealed class PrecisionException : KitException
{
    internal PrecisionException(string message) : base(message)
    {
    }
}
