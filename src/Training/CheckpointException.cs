using UnetResnet.Runtime;

namespace UnetResnet.Training;

/// <summary>A checkpoint cannot be written, or those in a folder are of another training. The message names the file, what was expected and the cure.</summary>
public sealed class CheckpointException : KitException
{
    internal CheckpointException(string message, Exception? inner = null) : base(message, inner) { }
}
