using Plotly.NET;
using UnetResnet.Diagnosis;

namespace UnetResnet.Notebooks;

/// <summary>The charts of the diagnostics' reports: <c>report.Chart()</c> and others for each kind, and all of them for programs that show reports without knowing which they are.</summary>
public static partial class ReportCharts
{
    /// <summary>Every chart that a report can draw of itself, the most important first.</summary>
    /// <param name="report">Any diagnostic's report.</param>
    /// <returns>The charts; none where there is nothing to draw, such as an attribution without layers.</returns>
    public static IReadOnlyList<GenericChart> AllCharts(this DiagnosticReport report) => report switch
    {
        DoctorReport doctor when doctor.Evidence.Any(HasLimit) => [doctor.Chart()],
        TrainEvalGap gap => [gap.Chart()],
        ModeMatrix matrix => [matrix.EffectsChart(), matrix.Chart()],
        ModeShares shares => [shares.Chart()],
        StatisticsDistance distance => [distance.Chart(), distance.DepthChart("The layers' own distances, and those that are carried on")],
        LayerShares { Layers.Count: > 0 } shares => [shares.Chart()],
        LayerAttribution { Layers.Count: > 0 } attribution => attribution.IsWhole ? [attribution.Chart(), attribution.PrefixChart()] : [attribution.Chart()],
        ActivationDrift drift => drift.Features.Any(f => f.DeadInTraining is not null) ? [drift.Chart(), drift.DeadChannelsChart()] : [drift.Chart()],
        BatchSizeSensitivity sensitivity => [sensitivity.Chart(), sensitivity.LogitChart()],
        FreezeAudit { IsClean: false } audit => [audit.Chart()],
        EmaClock { Rows: var rows } clock when rows.Any(row => !row.ZeroDebiased) => [clock.Chart()],
        PreprocessingFingerprint fingerprint => [fingerprint.Chart()],
        ControlExperiments controls => [controls.Chart()],
        CurveSignature { Evidence.Count: > 0 } signature => [signature.Chart()],
        _ => [],
    };

    /// <summary>How far the evidence lies beyond its limits.</summary>
    /// <param name="report">The verdict.</param>
    /// <param name="title">The finding; null for the cause in words.</param>
    /// <returns>The chart: 1 is the limit. Evidence without a limit is left out.</returns>
    /// <exception cref="ArgumentException">No evidence has a limit.</exception>
    public static GenericChart Chart(this DoctorReport report, string? title = null)
    {
        (int Number, Evidence Evidence)[] limited = [.. report.Evidence.Select((e, i) => (i + 1, e)).Where(e => HasLimit(e.e))];
        if (limited.Length == 0) throw new ArgumentException("No evidence of this report has a limit to be compared with, so there is nothing to draw.", nameof(report));
        return Charts.Bars(
            limited.ToDictionary(e => $"{e.Number} · {e.Evidence.Diagnostic}", e => e.Evidence.Value / e.Evidence.Limit),
            title ?? $"{report.Cause.Heading()}: the evidence", "figure ÷ its limit").WithHorizontalLine(1, "the limit");
    }

    private static bool HasLimit(Evidence evidence) => double.IsFinite(evidence.Value / evidence.Limit);
}
