using Plotly.NET;
using UnetResnet.Notebooks;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>Charts of league and sweeps; medians over the seeds.</summary>
internal static class CureCharts
{
    /// <summary>A bar of validation loss for each variant, best first, a colour for each dataset.</summary>
    public static GenericChart League(IReadOnlyList<CureResult> results)
    {
        string[] datasets = [.. results.Select(r => r.Dataset).Distinct()];
        double Loss(string variant, string dataset) =>
            results.Where(r => r.Variant == variant && r.Dataset == dataset).Select(r => r.ValLoss).ToArray() is { Length: > 0 } losses ? Median(losses) : double.NaN;
        string[] variants = [.. results.Select(r => r.Variant).Distinct().OrderBy(v => Loss(v, datasets[0]))];
        return Charts.Bars(variants, datasets.ToDictionary(d => d, d => (IReadOnlyList<double>)[.. variants.Select(v => Loss(v, d))]), "Validation loss after training, by variant", "loss", ".2f");
    }

    /// <summary>A bar of validation loss for each value of the number that is varied.</summary>
    public static GenericChart Sweep(IReadOnlyList<SweepPoint> points, string name)
    {
        double[] values = [.. points.Select(p => p.X).Distinct().Order()];
        var series = points.GroupBy(p => $"{p.Dataset}, {p.Series}").ToDictionary(
            g => g.Key, g => (IReadOnlyList<double>)[.. values.Select(x => g.Where(p => p.X == x).Select(p => p.ValLoss).ToArray() is { Length: > 0 } losses ? Median(losses) : double.NaN)]);
        return Charts.Bars([.. values.Select(x => $"{x:0.##}")], series, name switch
        {
            "dropout" => "Validation loss by dropout, encoder frozen or trained",
            "images" => "Validation loss by images for recalibration",
            _ => "Validation loss by batch size, before and after recalibration",
        }, "loss", ".2f");
    }

    /// <summary>The middle of some numbers; of an even number the mean of the two in the middle.</summary>
    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
