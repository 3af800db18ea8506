using Plotly.NET;
using UnetResnet.Diagnosis;
using UnetResnet.Runtime;

namespace UnetResnet.Notebooks;

/// <content>Draws a <see cref="LayerShares"/>.</content>
public static partial class ReportCharts
{
    /// <summary>A bar per layer with its Shapley value and a line of two standard errors to either side; what lies within them is grey.</summary>
    /// <param name="shares">The report, of at least one layer.</param>
    /// <returns>The chart; its title names a leading layer only where its lead is more than noise.</returns>
    /// <exception cref="ArgumentException">No layer differs between training and inference.</exception>
    public static GenericChart Chart(this LayerShares shares)
    {
        if (shares.Layers.Count == 0) throw new ArgumentException("No layer differs between training and inference, so there is nothing to draw.", nameof(shares));
        NotebookFormatters.Register();
        string lead = shares.Leaders is [LayerShare only] ? $"{DottedName.Last(only.Layer)} has the largest share" : $"{shares.Leaders.Count} layers lead, and noise hides which is first";
        Trace Bars(string name, bool beyond, string color)
        {
            LayerShare[] layers = [.. shares.Layers.Where(layer => layer.Shapley.IsBeyondNoise == beyond)];
            return ChartParts.Trace("bar",
                ("name", name), ("x", layers.Select(layer => layer.Layer)), ("y", layers.Select(layer => layer.Shapley.Value)),
                ChartParts.Hover("", "share of the gap", ".3~g"), ("marker", ChartParts.Map(("color", color))));
        }

        string[] x = [.. shares.Layers.SelectMany(layer => (string[])[layer.Layer, layer.Layer, layer.Layer])];
        double[] y = [.. shares.Layers.SelectMany(layer => (double[])[
            layer.Shapley.Value - 2 * layer.Shapley.StandardError, layer.Shapley.Value + 2 * layer.Shapley.StandardError, double.NaN])];
        var errors = ChartParts.Trace("scatter",
            ("name", "± 2 standard errors"), ("mode", "lines"), ("x", x), ("y", y), ChartParts.Hover("", "share, less or plus two standard errors", ".3~g"), ("connectgaps", false),
            ("line", ChartParts.Map(("color", ChartPalette.Series[1]), ("width", 1), ("dash", "solid"))));
        return StageAxis.Below(ChartParts.Chart(
            $"{lead}; {shares.BeyondNoise.Count} of {shares.Layers.Count} layers have a share beyond noise",
            [Bars("beyond noise", true, ChartPalette.Series[0]), Bars("within noise", false, ChartPalette.Neutral), errors],
            ("yaxis", ChartParts.Axis("Shapley value: share of the gap of the loss")), ("barmode", "overlay"), ("bargap", 0.2),
            // Below the chart stands the drawing of the network.
            ("legend", ChartParts.Map(("x", 1), ("xanchor", "right"), ("y", 1.01), ("yanchor", "bottom"))), ("margin", ChartParts.Map(("t", 20)))), [.. shares.Layers.Select(layer => layer.Layer)]);
    }
}
