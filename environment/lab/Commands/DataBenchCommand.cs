using System.CommandLine;
using Spectre.Console;
using UnetResnet.Lab.Benchmarks;
using UnetResnet.Runtime;

namespace UnetResnet.Lab.Commands;

/// <summary><c>lab bench data</c>: images a second from a folder, beside Pillow and libvips where they are installed.</summary>
internal static class DataBenchCommand
{
    public static Command Create(IProgress<string> progress)
    {
        Option<int> images = BenchOptions.Count("--images", "Pairs of files that are read in each round.", 128, least: 2);
        Option<int> source = BenchOptions.Count("--source", "Side of the files' pictures in pixels.", 512, least: 16);
        Option<int> side = BenchOptions.Side(224, "Side that they become, divisible by 32.");
        Option<int> rounds = BenchOptions.Count("--rounds", "How often everything is measured.", 5);
        Option<int> folder = BenchOptions.Count("--folder", "Pairs of a large folder that is opened, hard links of the same files; 0 for none.", 50_000, least: 0);
        Option<int> read = BenchOptions.Count("--folder-read", "Pairs of the large folder that are read, and then as many more.", 2000, least: 0);
        Option<bool> json = BenchOptions.Json();
        var command = new Command("data", "Images a second from a folder, beside Pillow with numpy and libvips; how long training waits; what 50,000 images cost.") { images, source, side, rounds, folder, read, json };
        command.SetAction(parsed =>
        {
            TorchRuntime.Initialize();
            var options = new DataBenchmarkOptions(parsed.GetValue(images), parsed.GetValue(source), parsed.GetValue(side), parsed.GetValue(rounds), parsed.GetValue(folder), parsed.GetValue(read));
            DataResult result = DataBenchmark.Run(options, progress);
            if (parsed.GetValue(json)) BenchOptions.Print(Document(result));
            else Write(result);
        });
        return command;
    }

    private static Dictionary<string, object?> Document(DataResult result)
    {
        Dictionary<string, double?> Of(Func<Samples, double> figure) => result.PerSecond.ToDictionary(s => s.Key, s => s.Value is { } value ? Math.Round(figure(value), 1) : (double?)null);
        return new()
        {
            ["images"] = result.Images,
            ["source_side"] = result.SourceSide,
            ["side"] = result.Side,
            ["cores"] = result.Cores,
            ["per_s"] = Of(s => s.Median),
            ["per_s_min"] = Of(s => s.Min),
            ["per_s_max"] = Of(s => s.Max),
            ["times_pillow"] = Rounded(result.TimesPillow),
            ["times_pillow_draft"] = Rounded(result.TimesPillowDraft),
            ["times_vips"] = Rounded(result.TimesVips),
            ["waited_share"] = Math.Round(result.WaitedShare, 4),
            ["folder"] = result.Folder,
        };

        static double? Rounded(double? value) => value is double number ? Math.Round(number, 2) : null;
    }

    private static void Write(DataResult result)
    {
        var table = new Table().AddColumns("what", "a second", "from to");
        foreach ((string name, Samples? samples) in result.PerSecond.Where(s => s.Value is not null))
            table.AddRow(name.Replace('_', ' '), NumberText.Fixed(samples!.Median, 0), $"{NumberText.Fixed(samples.Min, 0)}–{NumberText.Fixed(samples.Max, 0)}");
        AnsiConsole.Write(table);
        if (result.TimesPillow is double pillow) AnsiConsole.WriteLine($"{NumberText.Fixed(pillow, 2)} times as many pairs a second as Pillow with numpy");
        if (result.TimesPillowDraft is double draft) AnsiConsole.WriteLine($"{NumberText.Fixed(draft, 2)} times as many where Pillow decodes JPEG at a part of its size too (draft)");
        if (result.TimesVips is double vips) AnsiConsole.WriteLine($"{NumberText.Fixed(vips, 2)} times as many images a second as libvips");
        AnsiConsole.WriteLine($"{NumberText.Percent(result.WaitedShare, 1)} of an epoch's training waited for batches");
        if (result.Folder is { } folder)
            AnsiConsole.WriteLine($"{NumberText.Grouped(folder.Pairs)} pairs: {NumberText.Fixed(folder.SecondsToFirstBatch, 1)} s to the first batch and {NumberText.Fixed(folder.MbAtFirstBatch, 0)} MB; {NumberText.Fixed(folder.MbAfterThese, 0)} MB at most after {folder.PairsRead} pairs, {NumberText.Fixed(folder.MbAfterAsManyMore, 0)} MB after as many more");
    }
}
