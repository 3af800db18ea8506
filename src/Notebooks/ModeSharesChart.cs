using Plotly.NET;
using UnetResnet.Diagnosis;

namespace UnetResnet.Notebooks;

/// <content>Draws a <see cref="ModeShares"/>.</content>
public static partial class ReportCharts
{
    /// <summary>A bar per switch with its Shapley value.</summary>
    /// <param name="shares">The report.</param>
    /// <returns>The chart; its title names the tallest bar.</returns>
    public static GenericChart Chart(this ModeShares shares) => Charts.Bars(
        shares.Shares.ToDictionary(share => share.Switch, share => share.Shapley),
        shares.Gap == 0 ? "No switch changes the loss" : $"{shares.Shares.MaxBy(share => share.Shapley)!.Switch} has the largest share of the gap", "Shapley value: share of the gap of the loss", ".3f");
}
