using Plotly.NET;
using UnetResnet.Diagnosis;

namespace UnetResnet.Notebooks;

/// <summary>Draws a <see cref="LayerAttribution"/>.</summary>
public static class LayerAttributionChart
{
    private const string ByDepth = "batch-norm layer, in the order of the forward pass";

    /// <summary>A bar per layer: how far it moves the output when it alone uses its running statistics.</summary>
    /// <param name="attribution">The report, of at least one layer.</param>
    /// <returns>The chart.</returns>
    /// <exception cref="ArgumentException">No layer differs between training and inference.</exception>
    public static GenericChart Chart(this LayerAttribution attribution)
    {
        Check(attribution);
        NotebookFormatters.Register();
        LayerEffect tallest = attribution.Layers.MaxBy(layer => layer.LeaveOneOutDistance)!;
        string[] stages = [.. attribution.Stages.Select(stage => stage.Stage)];
        IEnumerable<Trace> bars = stages.Select((stage, i) =>
        {
            LayerEffect[] layers = [.. attribution.Layers.Where(layer => layer.Stage == stage)];
            return ChartParts.Trace("bar",
                ("name", stage), ("x", layers.Select(layer => layer.Place + 1)), ("y", layers.Select(layer => layer.LeaveOneOutDistance)),
                ("hovertext", layers.Select(layer => layer.Layer)), ("marker", ChartParts.Map(("color", Shade(i, stages.Length)))));
        });
        return ChartParts.Chart($"Alone on running statistics, {tallest.Layer.Split('.')[^1]} moves the output most", bars,
            ("xaxis", ChartParts.Axis(ByDepth)), ("yaxis", ChartParts.Axis("distance of the logits, in their σ")), ("barmode", "overlay"), ("bargap", 0.2));
    }

    /// <summary>The loss with the first k layers on batch statistics and the rest on running ones, from inference (k = 0) to training.</summary>
    /// <inheritdoc cref="Chart" path="/*[not(self::summary)]"/>
    public static GenericChart PrefixChart(this LayerAttribution attribution)
    {
        Check(attribution);
        if (!attribution.IsWhole) throw new ArgumentException("This attribution left the layers together with those before them out, as a doctor's does. Call LayerAttribution.Measure.", nameof(attribution));
        string title = attribution.Bisection is { } half ? $"Half of the gap is gone after {half.Place + 1} of {attribution.Layers.Count} layers" : "No number of layers changes the output";
        return Charts.Lines(
            [0, .. attribution.Layers.Select(layer => layer.Place + 1.0)],
            new Dictionary<string, IReadOnlyList<double>> { ["loss"] = [attribution.InferenceLoss, .. attribution.Layers.Select(layer => layer.PrefixLoss)] },
            title, "layers on batch statistics, counted from the input", "loss");
    }

    private static void Check(LayerAttribution attribution)
    {
        if (attribution.Layers.Count == 0) throw new ArgumentException("No layer differs between training and inference, so there is nothing to draw.", nameof(attribution));
    }

    // Parts of a network stand side by side, so two colours in turn tell them apart, and the first part of a series keeps its own.
    private static string Shade(int part, int parts) => parts <= 4 ? ChartPalette.Series[part] : ChartPalette.Series[part % 2 == 0 ? 0 : 3];
}
