namespace UnetResnet.Notebooks;

/// <summary>Writes a line per report, such as a doctor's steps, in a notebook as on a console.</summary>
/// <remarks>Unlike <see cref="Progress{T}"/>, the line is written before <see cref="Report"/> returns, so lines never come late or out of order.</remarks>
/// <param name="output">Where to write, or nothing for standard output.</param>
/// <typeparam name="T">What is reported.</typeparam>
public sealed class LineProgress<T>(TextWriter? output = null) : IProgress<T>
{
    /// <summary>Writes the line.</summary>
    /// <param name="value">What to write.</param>
    // Standard output is asked for anew at each line: a notebook gives every cell its own.
    public void Report(T value) => (output ?? Console.Out).WriteLine(value);
}
