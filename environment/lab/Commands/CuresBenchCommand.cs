using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Spectre.Console;
using UnetResnet.Lab.Benchmarks;
using UnetResnet.Notebooks;
using UnetResnet.Runtime;
using UnetResnet.Training;

namespace UnetResnet.Lab.Commands;

/// <summary><c>lab bench cures</c>: broken and cured networks from the same weights, seeds and data, in one league table.</summary>
internal static class CuresBenchCommand
{
    public static Command Create(IProgress<string> progress)
    {
        Option<int> seeds = BenchOptions.Count("--seeds", "How many seeds, from --first-seed.", 3);
        Option<int> firstSeed = BenchOptions.Count("--first-seed", "The first seed.", 0, least: 0);
        Option<string[]> variants = BenchOptions.Names("--variants", "Names of variants", [.. CureVariants.All.Select(v => v.Name)]);
        Option<string[]> datasets = BenchOptions.Names("--datasets", "Names of datasets", CureData.Names);
        var sweep = new Option<string>("--sweep") { Description = $"A sweep in place of the league: {string.Join(", ", CureSweeps.Names)}.", DefaultValueFactory = _ => "" };
        Option<string> preset = BenchOptions.Preset();
        var epochs = new Option<int?>("--epochs") { Description = "Epochs of a training; the preset's where not given." };
        var limit = new Option<int?>("--limit") { Description = "Images of each part at most, for a trial." };
        var output = new Option<FileInfo?>("--output") { Description = "JSON file that is written after every result; results that it holds already are not measured again." };
        var chart = new Option<FileInfo?>("--chart") { Description = "PNG file for a chart of the validation losses." };
        Option<bool> json = BenchOptions.Json();
        var command = new Command("cures", "League table of broken and cured networks, and sweeps of what a cure depends on.") { seeds, firstSeed, variants, datasets, sweep, preset, epochs, limit, output, chart, json };
        command.SetAction((result, cancellation) =>
        {
            TorchRuntime.Initialize();
            Preset chosen = Preset.FromName(result.GetValue(preset)!);
            if (result.GetValue(epochs) is int given) chosen = chosen with { Epochs = given };
            CureData[] data = [.. result.GetRequiredValue(datasets).Select(name => CureData.Load(name, chosen, result.GetValue(limit)))];
            int[] chosenSeeds = [.. Enumerable.Range(result.GetValue(firstSeed), result.GetValue(seeds))];
            FileInfo? file = result.GetValue(output), picture = result.GetValue(chart);
            bool asJson = result.GetValue(json);
            if (result.GetValue(sweep) is { Length: > 0 } name)
            {
                var points = Read<SweepPoint>(file);
                foreach ((int seed, CureData set) in chosenSeeds.SelectMany(seed => data.Select(set => (seed, set))))
                {
                    // A sweep of one seed is one piece of work: half of one is measured again.
                    if (points.Any(p => (p.Dataset, p.Sweep, p.Seed) == (set.Name, name, seed))) continue;
                    points.AddRange(CureSweeps.Run(name, set, seed, progress, cancellation).ToList());
                    Write(file, points);
                }

                Finish(points, asJson, SweepTable(points), picture, () => CureCharts.Sweep(points, name));
                return Task.FromResult(0);
            }

            CureVariant[] wanted = [.. CureVariants.All.Where(v => result.GetRequiredValue(variants).Contains(v.Name))];
            var results = Read<CureResult>(file);
            foreach ((int seed, CureData set) in chosenSeeds.SelectMany(seed => data.Select(set => (seed, set))))
            {
                foreach (CureResult one in CuresBenchmark.Run(wanted, set, seed, [.. results], progress, cancellation))
                {
                    results.Add(one);
                    Write(file, results);
                }
            }

            Finish(results, asJson, LeagueTable(results), picture, () => CureCharts.League(results));
            return Task.FromResult(0);
        });
        return command;
    }

    private static void Finish<T>(List<T> results, bool asJson, Table table, FileInfo? picture, Func<Plotly.NET.GenericChart> chart)
    {
        // Wide enough for the names of all variants below their bars.
        if (picture is not null) AtomicFile.Write(picture.FullName, stream => stream.Write(ChartPicture.Png(chart(), width: Math.Clamp(90 * table.Rows.Count / 2, 1000, 2200))));
        if (Console.IsOutputRedirected) AnsiConsole.Profile.Width = Math.Max(AnsiConsole.Profile.Width, 140);
        if (asJson) BenchOptions.Print(results);
        else AnsiConsole.Write(table);
    }

    private static List<T> Read<T>(FileInfo? file)
    {
        try
        {
            return file is { Exists: true } ? JsonSerializer.Deserialize<List<T>>(File.ReadAllText(file.FullName)) ?? [] : [];
        }
        catch (JsonException e)
        {
            throw new ArgumentException($"--output {file}: expected a file of an earlier run of this command, whose results are kept. Name another file. ({e.Message})", e);
        }
    }

    private static void Write<T>(FileInfo? file, List<T> results)
    {
        if (file is not null) AtomicFile.WriteText(file.FullName, BenchOptions.Text(results));
    }

    /// <summary>Medians over the seeds, and the range of the validation loss.</summary>
    private static Table LeagueTable(IReadOnlyList<CureResult> results)
    {
        var table = new Table().AddColumns("dataset", "variant", "val loss (from to)", "val IoU", "gap", "seconds", "trained", "peak MB");
        foreach (var group in results.GroupBy(r => (r.Dataset, r.Variant)).OrderBy(g => g.Key.Dataset, StringComparer.Ordinal).ThenBy(g => CureCharts.Median(g.Select(r => r.ValLoss))))
        {
            string Middle(Func<CureResult, double> value, string format) => CureCharts.Median(group.Select(value)).ToString(format, CultureInfo.InvariantCulture);
            table.AddRow(
                group.Key.Dataset, group.Key.Variant, $"{Middle(r => r.ValLoss, "0.000")} ({group.Min(r => r.ValLoss):0.000} {group.Max(r => r.ValLoss):0.000})",
                Middle(r => r.ValIoU, "0.000"), Middle(r => r.Gap, "0.000"), Middle(r => r.Seconds, "0.0"), $"{group.First().TrainedParameters:N0}", Middle(r => r.PeakMb, "0"));
        }

        return table;
    }

    private static Table SweepTable(IReadOnlyList<SweepPoint> points)
    {
        var table = new Table().AddColumns("dataset", "series", "x", "train loss, inference", "val loss", "val IoU", "gap");
        foreach (var group in points.GroupBy(p => (p.Dataset, p.Series, p.X)))
        {
            string Middle(Func<SweepPoint, double> value) => CureCharts.Median(group.Select(value)).ToString("0.000", CultureInfo.InvariantCulture);
            table.AddRow(group.Key.Dataset, group.Key.Series, $"{group.Key.X:0.##}", Middle(p => p.TrainLoss), Middle(p => p.ValLoss), Middle(p => p.ValIoU), Middle(p => p.Gap));
        }

        return table;
    }
}
