using Plotly.NET;
using UnetResnet.Notebooks;
using UnetResnet.Runtime;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>The layers and the roof, both axes logarithmic.</summary>
internal static class RooflineChart
{
    /// <summary>Draws it.</summary>
    public static GenericChart Of(RooflineResult result)
    {
        (double low, double high) = (result.Layers.Min(layer => layer.Intensity) / 1.5, result.Layers.Max(layer => layer.Intensity) * 1.5);
        double ridge = Math.Clamp(result.Float32Gflops / result.GigabytesPerSecond, low, high);
        double[] roof = [low, ridge, high];
        var traces = new List<Trace>
        {
            ChartParts.Line("a large convolution, or a memory copy", roof, [.. roof.Select(x => LayerRate.Roof(x, result.Float32Gflops, result.GigabytesPerSecond))], ChartPalette.Neutral, "dash", [ChartParts.Hover("FLOP per byte", "GFLOP/s"), ("mode", "lines")]),
        };
        string[] colours = [.. ChartPalette.Series.Where(colour => colour != ChartPalette.Neutral)];
        traces.AddRange(result.Layers.GroupBy(layer => layer.Kind).Select((kind, i) => ChartParts.Trace("scatter", [
            ("name", kind.Key), ("mode", "markers"), ("x", kind.Select(layer => layer.Intensity).ToArray()), ("y", kind.Select(layer => layer.Gflops).ToArray()), ("text", kind.Select(layer => layer.Name).ToArray()),
            ("marker", ChartParts.Map(("size", 7), ("color", colours[i % colours.Length]))), ChartParts.Hover("FLOP per byte", "GFLOP/s", named: true)])));
        return ChartParts.Chart(Title(result), traces, ("xaxis", ChartParts.Axis("FLOP per byte", ("type", "log"))), ("yaxis", ChartParts.Axis("GFLOP/s", ("type", "log"))));
    }

    private static string Title(RooflineResult result) =>
        $"Width {result.Width}, {result.Side}×{result.Side}, batch {result.Batch}: inference reaches {NumberText.Percent(result.InferGflops / result.Float32Gflops)} of a large convolution's rate";
}
