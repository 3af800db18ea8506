using Plotly.NET;
using UnetResnet.Diagnosis;
using UnetResnet.Runtime;

namespace UnetResnet.Notebooks;

/// <content>Draws an <see cref="ActivationDrift"/>.</content>
public static partial class ReportCharts
{
    private const string ByDepth = "feature map, in the order of the forward pass";

    /// <summary>Relative distance, 1 − cosine and 1 − CKA of every feature map by depth.</summary>
    /// <param name="drift">The report.</param>
    /// <returns>The chart.</returns>
    public static GenericChart Chart(this ActivationDrift drift)
    {
        FeatureDrift worst = drift.Features.MaxBy(f => f.RelativeL2)!;
        return Charts.Lines(Places(drift), new Dictionary<string, IReadOnlyList<double>>
        {
            ["relative distance"] = [.. drift.Features.Select(f => f.RelativeL2)],
            ["1 − cosine"] = [.. drift.Features.Select(f => 1 - f.Cosine)],
            ["1 − CKA"] = [.. drift.Features.Select(f => 1 - f.Cka)],
        }, worst.RelativeL2 == 0 ? "Every feature map is the same in training and inference" : $"Features drift most at {DottedName.Last(worst.Name)}", ByDepth, "difference of training and inference",
            pointNames: [.. drift.Features.Select(f => f.Name)]);
    }

    /// <summary>Share of dead channels after every ReLU, in training and in inference.</summary>
    /// <param name="drift">The report, of at least one ReLU.</param>
    /// <returns>The chart.</returns>
    /// <exception cref="ArgumentException">No ReLU module made any of the feature maps.</exception>
    public static GenericChart DeadChannelsChart(this ActivationDrift drift)
    {
        FeatureDrift[] relus = [.. drift.Features.Where(f => f.DeadInTraining is not null)];
        if (relus.Length == 0) throw new ArgumentException("None of the feature maps comes from a ReLU module, so no channel can be called dead.", nameof(drift));
        NotebookFormatters.Register();
        double[] places = [.. relus.Select(f => f.Place + 1.0)];
        string[] names = [.. relus.Select(f => f.Name)];
        ChartLabels.Line[] lines =
        [
            new("in training", ChartPalette.Training, places, [.. relus.Select(f => f.DeadInTraining!.Value)]),
            new("in inference", ChartPalette.TrainingInInferenceMode, places, [.. relus.Select(f => f.DeadInInference!.Value)]),
        ];
        return ChartParts.Chart(
            $"{NumberText.Percent(relus.Average(f => f.DeadInTraining!.Value))} of the channels are dead in training, {NumberText.Percent(relus.Average(f => f.DeadInInference!.Value))} in inference",
            [
                ChartParts.Line(lines[0].Name, places, lines[0].Y, lines[0].Color, "solid", [("text", names), ChartParts.Hover("", "dead", ".0%", named: true)]),
                ChartParts.Line(lines[1].Name, places, lines[1].Y, lines[1].Color, "dash", [("text", names), ChartParts.Hover("", "dead", ".0%", named: true)]),
            ],
            [("xaxis", ChartParts.Axis(ByDepth, ChartLabels.Range(places))), ("yaxis", ChartParts.Axis("share of dead channels", ("tickformat", ".0%"), ("rangemode", "tozero"))), .. ChartLabels.AtEnds(lines, fromZero: true)]);
    }

    private static double[] Places(ActivationDrift drift) => [.. drift.Features.Select(f => f.Place + 1.0)];
}
