using UnetResnet.Runtime;

namespace UnetResnet.Notebooks;

/// <summary>An exercise has not the right answer. The message says what was given, what was expected, and where to look.</summary>
public sealed class ExerciseException : KitException
{
    internal ExerciseException(string message)
        : base(message)
    {
    }
}
