using UnetResnet.Runtime;

namespace UnetResnet.Data;

/// <summary>Something is wrong with a file or folder of images, masks or volumes. The message names the file, what was expected and the cure.</summary>
public sealed class DatasetException : KitException
{
    /// <summary>Describes one fault.</summary>
    /// <param name="file">The file or folder at fault.</param>
    /// <param name="problem">What is wrong with it, as half a sentence ("is not a PNG or JPEG image").</param>
    /// <param name="expectation">What was expected instead, as half a sentence ("a mask of the image's size").</param>
    /// <param name="cure">What to do, as a whole sentence.</param>
    /// <param name="innerException">The cause, where there is one.</param>
    public DatasetException(string file, string problem, string expectation, string cure, Exception? innerException = null)
        : base($"{file} {problem}. Expected: {expectation}. {cure}", innerException)
    {
        (File, Expectation, Cure) = (file, expectation, cure);
    }

    /// <summary>The file or folder at fault.</summary>
    public string File { get; }

    /// <summary>What was expected.</summary>
    public string Expectation { get; }

    /// <summary>What to do.</summary>
    public string Cure { get; }
}
