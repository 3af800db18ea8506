using System.Globalization;

namespace UnetResnet.Tests.Runtime;

/// <summary>A culture that writes numbers in another way, for the thread that makes it until it is disposed.</summary>
/// <remarks>The tests run without the system's cultures, so that these are made by hand: what tells them apart is set, whatever the machine knows.</remarks>
internal sealed class ForeignCulture : IDisposable
{
    private readonly CultureInfo before = CultureInfo.CurrentCulture;

    private ForeignCulture(Action<NumberFormatInfo> change)
    {
        var culture = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        change(culture.NumberFormat);
        CultureInfo.CurrentCulture = culture;
    }

    /// <summary>All of them by name.</summary>
    public static IReadOnlyDictionary<string, Func<ForeignCulture>> All { get; } = new Dictionary<string, Func<ForeignCulture>>
    {
        ["de-DE"] = () => new(f => (f.NumberDecimalSeparator, f.NumberGroupSeparator, f.PercentDecimalSeparator, f.PercentPositivePattern) = (",", ".", ",", 0)),
        ["sv-SE"] = () => new(f => (f.NumberDecimalSeparator, f.NumberGroupSeparator, f.NegativeSign, f.PercentDecimalSeparator) = (",", "\u00a0", "\u2212", ",")),
        ["fa-IR"] = () => new(f => (f.NumberDecimalSeparator, f.NumberGroupSeparator, f.NegativeSign, f.NaNSymbol, f.PositiveInfinitySymbol) = ("\u066b", "\u066c", "\u200e\u2212", "ناعدد", "بی‌نهایت")),
    };

    public void Dispose() => CultureInfo.CurrentCulture = before;
}
