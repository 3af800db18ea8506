using Plotly.NET;
using UnetResnet.Notebooks;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>Charts of league and sweeps; medians over the seeds.</summary>
internal static class CureCharts
{
    /// <summary>A row for each variant, best first: the validation loss of every seed, their median and range, a colour for each dataset.</summary>
    public static GenericChart League(IReadOnlyList<CureResult> results)
    {
        string first = results[0].Dataset;
        string[] variants = [.. results.Select(r => r.Variant).Distinct().OrderBy(v => results.Where(r => r.Variant == v && r.Dataset == first).Select(r => r.ValLoss).ToArray() is { Length: > 0 } losses ? Median(losses) : double.MaxValue)];
        var groups = results.GroupBy(r => r.Dataset).ToDictionary(g => g.Key, g => (IReadOnlyDictionary<string, IReadOnlyList<double>>)variants.Where(v => g.Any(r => r.Variant == v))
            .ToDictionary(v => v, v => (IReadOnlyList<double>)[.. g.Where(r => r.Variant == v).Select(r => r.ValLoss)]));
        return Charts.Dots(groups, "Validation loss after training, by variant", "loss");
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
