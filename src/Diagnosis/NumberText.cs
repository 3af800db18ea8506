using System.Globalization;

namespace UnetResnet.Diagnosis;

/// <summary>Numbers as people write them, in the same way on every machine.</summary>
internal static class NumberText
{
    /// <summary>A number with four significant digits; whole numbers in full.</summary>
    internal static string Short(double value) => value switch
    {
        double.NaN => "NaN",
        double.PositiveInfinity => "∞",
        double.NegativeInfinity => "-∞",
        _ when value == Math.Round(value) && Math.Abs(value) < 1e9 => value.ToString("0", CultureInfo.InvariantCulture),
        _ => Significant(value),
    };

    /// <summary>A share in whole per cent.</summary>
    internal static string Percent(double share) => double.IsFinite(share) ? $"{Math.Round(100 * share).ToString("0", CultureInfo.InvariantCulture)} %" : Short(share);

    // Between a thousandth and a hundred thousand plain decimals are easiest to compare; beyond, powers of ten.
    private static string Significant(double value) => Math.Abs(value) is >= 1e-3 and < 1e5
        ? value.ToString("0." + new string('#', Math.Clamp(3 - (int)Math.Floor(Math.Log10(Math.Abs(value))), 0, 6)), CultureInfo.InvariantCulture)
        : value.ToString("0.###e-0", CultureInfo.InvariantCulture);
}
