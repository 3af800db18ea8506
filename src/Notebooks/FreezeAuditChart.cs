using Plotly.NET;
using UnetResnet.Diagnosis;

namespace UnetResnet.Notebooks;

/// <content>Draws a <see cref="FreezeAudit"/>.</content>
public static partial class ReportCharts
{
    /// <summary>How many parameters, buffers and layers have each fault.</summary>
    /// <param name="audit">The report.</param>
    /// <returns>The chart.</returns>
    public static GenericChart Chart(this FreezeAudit audit) => Charts.Bars(
        Enum.GetValues<FreezeFault>().ToDictionary(FreezeAudit.Words, fault => (double)audit.Of(fault).Count),
        audit.IsClean ? "Everything frozen stayed, everything else trains" : $"{audit.Items.Count} things are not as a frozen part should be", "parameters, buffers or layers", ".0f");
}
