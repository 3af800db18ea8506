namespace UnetResnet.Notebooks;

/// <summary>An exercise has no answer yet, or not the right one. The message says what was given, what was expected, and where to look.</summary>
public sealed class ExerciseException : Exception
{
    internal ExerciseException(string message)
        : base(message)
    {
    }
}
