using System.Globalization;
using UnetResnet.Runtime;

namespace UnetResnet.Notebooks;

/// <summary>Holds the prose of a notebook to its figures: <c>Expect.That("validation IoU", iou).IsAtLeast(0.93)</c>.</summary>
public static class Expect
{
    /// <summary>Begins an expectation.</summary>
    /// <param name="name">What the value is, as the prose calls it.</param>
    /// <param name="value">The measured value.</param>
    /// <returns>The expectation; one of its methods says the band.</returns>
    /// <exception cref="ArgumentException">The name is empty.</exception>
    public static Expectation That(string name, double value) => new(name, value);

    /// <summary>Expects that something holds: <c>Expect.IsTrue("every layer uses the batch", layers.All(UsesBatch))</c>.</summary>
    /// <param name="name">What holds, as the prose says it.</param>
    /// <param name="holds">Whether it does.</param>
    /// <exception cref="ArgumentException">The name is empty.</exception>
    /// <exception cref="ExpectationException">It does not.</exception>
    public static void IsTrue(string name, bool holds)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        if (!holds) throw new ExpectationException(name, "no", "yes");
        NotebookOutput.Show(new CheckLine(true, name, "yes"));
    }

    /// <summary>Expects exactly a value: <c>Expect.Equal("batch-norm layers that use the batch", layers, 53)</c>.</summary>
    /// <typeparam name="T">Type of the value, such as <see cref="int"/>, <see cref="string"/> or an enumeration. Measured fractions belong into a band: see <see cref="That"/>.</typeparam>
    /// <param name="name">What the value is, as the prose calls it.</param>
    /// <param name="value">The measured value.</param>
    /// <param name="expected">The only value that is right.</param>
    /// <exception cref="ArgumentException">The name is empty.</exception>
    /// <exception cref="ExpectationException">The value is another.</exception>
    public static void Equal<T>(string name, T value, T expected)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        if (!EqualityComparer<T>.Default.Equals(value, expected)) throw new ExpectationException(name, Text(value), Text(expected));
        NotebookOutput.Show(new CheckLine(true, name, $"{Text(value)}, as expected"));
    }

    private static string Text<T>(T value) => value switch
    {
        null => "nothing",
        bool holds => holds ? "yes" : "no",
        double or float or decimal or int or long => NumberText.Short(Convert.ToDouble(value, CultureInfo.InvariantCulture)),
        IFormattable formattable => formattable.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };
}

/// <summary>A named value about to be held to a band. Not a number is outside of every band.</summary>
public sealed class Expectation
{
    private readonly string name;
    private readonly double value;

    internal Expectation(string name, double value)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        (this.name, this.value) = (name, value);
    }

    /// <summary>Expects at most a limit.</summary>
    /// <param name="limit">The greatest value that is right.</param>
    /// <exception cref="ExpectationException">The value is greater, or not a number.</exception>
    public void IsAtMost(double limit) => Check(value <= limit, $"at most {NumberText.Short(Limit(limit))}");

    /// <summary>Expects at least a limit.</summary>
    /// <param name="limit">The least value that is right.</param>
    /// <exception cref="ExpectationException">The value is less, or not a number.</exception>
    public void IsAtLeast(double limit) => Check(value >= limit, $"at least {NumberText.Short(Limit(limit))}");

    /// <summary>Expects a value between two limits, both included.</summary>
    /// <param name="least">The least value that is right.</param>
    /// <param name="most">The greatest value that is right.</param>
    /// <exception cref="ArgumentException">The limits are in the wrong order.</exception>
    /// <exception cref="ExpectationException">The value is outside, or not a number.</exception>
    public void IsBetween(double least, double most)
    {
        if (Limit(least) > Limit(most)) throw new ArgumentException($"Expected the lower limit first, got {NumberText.Short(least)} and {NumberText.Short(most)}.", nameof(least));
        Check(value >= least && value <= most, $"between {NumberText.Short(least)} and {NumberText.Short(most)}");
    }

    /// <summary>Expects a value near another.</summary>
    /// <param name="target">The value aimed at.</param>
    /// <param name="tolerance">The greatest distance from it that is right, 0 or more.</param>
    /// <exception cref="ArgumentException">The tolerance is negative or not a number.</exception>
    /// <exception cref="ExpectationException">The value is farther away, or not a number.</exception>
    public void IsNear(double target, double tolerance)
    {
        if (!(tolerance >= 0)) throw new ArgumentException($"Expected a tolerance of 0 or more, got {NumberText.Short(tolerance)}.", nameof(tolerance));
        Check(value == target || Math.Abs(value - Limit(target)) <= tolerance, $"{NumberText.Short(target)} ± {NumberText.Short(tolerance)}");
    }

    private static double Limit(double limit) =>
        double.IsNaN(limit) ? throw new ArgumentException("Expected a number as the limit, got NaN: no value could ever be right.", nameof(limit)) : limit;

    private void Check(bool holds, string band)
    {
        if (!holds) throw new ExpectationException(name, value, band);
        NotebookOutput.Show(new CheckLine(true, name, $"{NumberText.Short(value)} (expected {band})"));
    }
}
