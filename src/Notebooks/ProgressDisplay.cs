using System.Globalization;
using UnetResnet.Training;

namespace UnetResnet.Notebooks;

/// <summary>Writes one line per epoch while a network trains, in a notebook as on a console.</summary>
/// <remarks>The line is written before <see cref="Report"/> returns, so lines never come late or out of order.</remarks>
public sealed class ProgressDisplay : IProgress<EpochRecord>
{
    private readonly int epochs;
    private readonly TextWriter? output;
    private double seconds;
    private int reported;

    /// <summary>Creates a display.</summary>
    /// <param name="epochs">How many epochs are planned, at least 1.</param>
    /// <param name="output">Where to write, or nothing for standard output.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no epoch planned.</exception>
    public ProgressDisplay(int epochs, TextWriter? output = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(epochs, 1);
        (this.epochs, this.output) = (epochs, output);
    }

    /// <summary>Writes the line of an epoch: losses, IoU, its seconds, and about how long the rest will take.</summary>
    /// <param name="value">The epoch.</param>
    public void Report(EpochRecord value)
    {
        ArgumentNullException.ThrowIfNull(value);
        seconds += value.Seconds;
        reported++;
        string number = value.Epoch.ToString(CultureInfo.InvariantCulture).PadLeft(epochs.ToString(CultureInfo.InvariantCulture).Length);
        double left = seconds / reported * (epochs - value.Epoch);
        string line = string.Create(CultureInfo.InvariantCulture,
            $"epoch {number}/{epochs}  loss {value.Training.Loss:F3}, validation {value.Validation.Loss:F3}  " +
            $"IoU {value.Training.IoU:F3}, validation {value.Validation.IoU:F3}  {value.Seconds:F1} s");
        // Standard output is asked for anew at each line: a notebook gives every cell its own.
        (output ?? Console.Out).WriteLine(left > 0 ? $"{line}, {Duration(left)} left" : line);
    }

    private static string Duration(double seconds) => seconds switch
    {
        < 90 => string.Create(CultureInfo.InvariantCulture, $"{Math.Max(1, Math.Round(seconds)):F0} s"),
        < 5400 => string.Create(CultureInfo.InvariantCulture, $"{seconds / 60:F0} min"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{seconds / 3600:F1} h"),
    };
}
