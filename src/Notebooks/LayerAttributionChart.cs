using Plotly.NET;
using UnetResnet.Diagnosis;
using UnetResnet.Runtime;

namespace UnetResnet.Notebooks;

/// <content>Draws a <see cref="LayerAttribution"/>.</content>
public static partial class ReportCharts
{
    /// <summary>A bar per layer: how far it moves the output when it alone uses its running statistics.</summary>
    /// <param name="attribution">The report, of at least one layer.</param>
    /// <returns>The chart.</returns>
    /// <exception cref="ArgumentException">No layer differs between training and inference.</exception>
    public static GenericChart Chart(this LayerAttribution attribution)
    {
        Check(attribution);
        NotebookFormatters.Register();
        LayerEffect worst = attribution.Layers.MaxBy(layer => layer.LeaveOneOutDistance)!;
        // Layers whose statistics are within the sampling error of the batch are drawn as what they are: noise.
        (string Name, string Color, LayerEffect[] Layers)[] kinds =
        [
            ("beyond sampling error", ChartPalette.RunningStatistics, [.. attribution.Layers.Where(layer => layer.IsBeyondNoise)]),
            ("within sampling error", ChartPalette.Neutral, [.. attribution.Layers.Where(layer => !layer.IsBeyondNoise)]),
        ];
        IEnumerable<Trace> bars = kinds.Where(kind => kind.Layers.Length > 0).Select(kind => ChartParts.Trace("bar",
            ("name", kind.Name), ("x", kind.Layers.Select(layer => layer.Layer)), ("y", kind.Layers.Select(layer => layer.LeaveOneOutDistance)),
            ChartParts.Hover("", "moves the logits by", ".3~g"), ("marker", ChartParts.Map(("color", kind.Color)))));
        return StageAxis.Below(ChartParts.Chart($"Alone on running statistics, {DottedName.Last(worst.Layer)} moves the output most", bars,
            ("yaxis", ChartParts.Axis("distance of the logits, in their σ")), ("barmode", "overlay"), ("bargap", 0.2), ("showlegend", true),
            ("legend", ChartParts.Map(("x", 1), ("xanchor", "right"), ("y", 1.01), ("yanchor", "bottom"))), ("margin", ChartParts.Map(("t", 20)))), [.. attribution.Layers.Select(layer => layer.Layer)]);
    }

    /// <summary>The loss with the first k layers on batch statistics and the rest on running ones, from inference (k = 0) to training.</summary>
    /// <inheritdoc cref="Chart(LayerAttribution)" path="/*[not(self::summary)]"/>
    public static GenericChart PrefixChart(this LayerAttribution attribution)
    {
        Check(attribution);
        if (!attribution.IsWhole) throw new ArgumentException("This attribution left the layers together with those before them out, as a doctor's does. Call LayerAttribution.Measure.", nameof(attribution));
        string title = attribution.Bisection is { } half ? $"Half of the gap is gone after {half.Place + 1} of {attribution.Layers.Count} layers" : "No number of layers changes the output";
        return Charts.Lines(
            [0, .. attribution.Layers.Select(layer => layer.Place + 1.0)],
            new Dictionary<string, IReadOnlyList<double>> { ["loss"] = [attribution.InferenceLoss, .. attribution.Layers.Select(layer => layer.PrefixLoss)] },
            title, "layers on batch statistics, counted from the input", "loss", colors: [ChartPalette.BatchStatistics], pointNames: ["none", .. attribution.Layers.Select(layer => $"up to {layer.Layer}")])
            .WithHorizontalLine(attribution.TrainingLoss, "all layers, as in training");
    }

    private static void Check(LayerAttribution attribution)
    {
        if (attribution.Layers.Count == 0) throw new ArgumentException("No layer differs between training and inference, so there is nothing to draw.", nameof(attribution));
    }
}
