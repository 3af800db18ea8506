using System.Globalization;
using UnetResnet.Runtime;

namespace UnetResnet.Notebooks;

/// <summary>A measured value lies outside the band that the prose promises.</summary>
public sealed class ExpectationException : KitException
{
    private const string Cure = "The text around this cell no longer describes what it computes: see what changed (data, seed, versions, options) before you change the band.";

    internal ExpectationException(string name, double value, string band)
        : base($"✗ {name}: {(double.IsFinite(value) ? value.ToString("G7", CultureInfo.InvariantCulture) : NumberText.Short(value))}, expected {band}. " + (double.IsNaN(value)
            ? "Not a number: look for a division by zero or a loss that was no longer finite."
            : Cure))
    {
        (Name, Value, Band) = (name, value, band);
    }

    internal ExpectationException(string name, string value, string expected)
        : base($"✗ {name}: {value}, expected {expected}. {Cure}") => (Name, Value, Band) = (name, double.NaN, expected);

    /// <summary>What the value is.</summary>
    public string Name { get; }

    /// <summary>The measured value; not a number where what was measured is none.</summary>
    public double Value { get; }

    /// <summary>The band, in words.</summary>
    public string Band { get; }
}
