namespace UnetResnet.Runtime;

/// <summary>libtorch could not be loaded on this machine. The message is one sentence with the real cause and the cure.</summary>
public sealed class TorchLoadException : KitException
{
    internal TorchLoadException(string message) : base(message) { }
}
