using System.Globalization;

namespace UnetResnet.Runtime;

/// <summary>Figures as people write them, in the same way on every machine: the decimal point is a point and the minus a hyphen, whatever the culture.</summary>
internal static class NumberText
{
    /// <summary>A number with four significant digits; whole numbers below 10⁹ in full, others below a thousandth or from 100,000 as powers of ten.</summary>
    /// <param name="value">Any number; NaN and infinity are written as NaN and ∞.</param>
    public static string Short(double value) => value switch
    {
        double.NaN => "NaN",
        double.PositiveInfinity => "∞",
        double.NegativeInfinity => "-∞",
        _ when value == Math.Round(value) && Math.Abs(value) < 1e9 => value.ToString("0", CultureInfo.InvariantCulture),
        _ => Significant(value),
    };

    /// <summary>A number with a fixed number of decimals, such as 0.940.</summary>
    /// <param name="value">Any number; NaN and infinity are written as NaN and ∞.</param>
    /// <param name="decimals">Digits after the point, 0 to 15.</param>
    public static string Fixed(double value, int decimals) =>
        double.IsFinite(value) ? value.ToString("F" + decimals.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture) : Short(value);

    /// <summary>A share in per cent.</summary>
    /// <param name="share">1 is 100 %.</param>
    /// <param name="decimals">Digits after the point.</param>
    public static string Percent(double share, int decimals = 0) => double.IsFinite(share) ? $"{Fixed(100 * share, decimals)} %" : Short(share);

    /// <summary>A whole number with its thousands apart, such as 25,636,712.</summary>
    /// <param name="number">Any whole number.</param>
    public static string Grouped(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    // Between a thousandth and a hundred thousand plain decimals are easiest to compare; beyond, powers of ten.
    private static string Significant(double value) => Math.Abs(value) is >= 1e-3 and < 1e5
        ? value.ToString("0." + new string('#', Math.Clamp(3 - (int)Math.Floor(Math.Log10(Math.Abs(value))), 0, 6)), CultureInfo.InvariantCulture)
        : value.ToString("0.###e-0", CultureInfo.InvariantCulture);
}
