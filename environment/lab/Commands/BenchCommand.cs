using System.CommandLine;
using System.Text.Json;
using Spectre.Console;
using UnetResnet.Lab.Benchmarks;
using UnetResnet.Runtime;
using UnetResnet.Training;

namespace UnetResnet.Lab.Commands;

/// <summary><c>lab bench</c>: programs that print the figures of README and notebooks. With <c>--json</c> one document on stdout and nothing else.</summary>
internal static class BenchCommand
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public static Command Create() => new("bench", "Measure: prints the figures that README and notebooks quote.")
    {
        Collapse(),
        Doctor(),
        CuresBenchCommand.Create(new ErrorStreamProgress()),
        StepBenchCommand.Train(new ErrorStreamProgress()),
        StepBenchCommand.Infer(new ErrorStreamProgress()),
        ScaleBenchCommand.Create(new ErrorStreamProgress()),
        PrecisionBenchCommand.Create(new ErrorStreamProgress()),
        RooflineBenchCommand.Create(new ErrorStreamProgress()),
        DataBenchCommand.Create(new ErrorStreamProgress()),
        WeightsBenchCommand.Create(),
        KernelBenchCommand.Create(new ErrorStreamProgress()),
        InterruptsBenchCommand.Create(new ErrorStreamProgress()),
        CellsBenchCommand.Create(new ErrorStreamProgress()),
        SoakBenchCommand.Create(new ErrorStreamProgress()),
        ThreadsBenchCommand.Create(new ErrorStreamProgress()),
    };

    private static Command Collapse()
    {
        var seeds = new Option<int>("--seeds") { Description = "How many seeds, from 0.", DefaultValueFactory = _ => 5 };
        var preset = new Option<string>("--preset") { Description = "quick or full.", DefaultValueFactory = _ => "quick" };
        seeds.Validators.Add(result => { if (result.GetValueOrDefault<int>() < 1) result.AddError("--seeds must be at least 1."); });
        preset.AcceptOnlyFromAmong("quick", "full");
        var json = new Option<bool>("--json") { Description = "Print one JSON document on stdout and nothing else." };
        var picture = new Option<FileInfo?>("--picture") { Description = "Also draw four masks of seed 0, broken and recalibrated, into this PNG file." };
        var command = new Command("collapse", "Collapse and cure for several seeds.") { seeds, preset, json, picture };
        command.SetAction((result, cancellation) =>
        {
            TorchRuntime.Initialize();
            var progress = new ErrorStreamProgress();
            Preset chosen = Preset.FromName(result.GetValue(preset)!);
            CollapseResult[] runs = [.. Enumerable.Range(0, result.GetValue(seeds)).Select(seed => CollapseBenchmark.Run(
                chosen, seed, progress, cancellation, seed == 0 && result.GetValue(picture) is { } file ? png => AtomicFile.Write(file.FullName, stream => stream.Write(png)) : null))];
            if (result.GetValue(json)) Console.WriteLine(JsonSerializer.Serialize(runs, Indented));
            else AnsiConsole.Write(Table(runs));
            return Task.FromResult(0);
        });
        return command;
    }

    private static Command Doctor()
    {
        var only = new Option<string>("--only") { Description = "Only cases whose name contains this.", DefaultValueFactory = _ => "" };
        var quick = new Option<bool>("--quick") { Description = "Only cases that are made in a second or two." };
        var noTiming = new Option<bool>("--no-timing") { Description = "Leave out how long the notebooks' broken network keeps the doctor." };
        var noSweep = new Option<bool>("--no-sweep") { Description = "Leave out the sweep of one corrupted layer over the encoder's 53 positions." };
        var json = new Option<bool>("--json") { Description = "Print one JSON document on stdout and nothing else." };
        var command = new Command("doctor", "How often the doctor names the right cause on the labelled set, and whether attribution finds one ill layer anywhere.") { only, quick, noSweep, noTiming, json };
        command.SetAction((result, cancellation) =>
        {
            TorchRuntime.Initialize();
            var progress = new ErrorStreamProgress();
            var cases = new DoctorCases();
            DoctorCase[] chosen = [.. cases.All().Where(c => (c.Quick || !result.GetValue(quick)) && c.Name.Contains(result.GetValue(only)!, StringComparison.OrdinalIgnoreCase))];
            if (chosen.Length == 0)
            {
                Console.Error.WriteLine($"No case's name contains '{result.GetValue(only)}'. There are {cases.All().Count}, such as '{cases.All()[0].Name}'.");
                return Task.FromResult(1);
            }

            DoctorResult measured = DoctorBenchmark.Run(chosen, progress, cancellation);
            if (!result.GetValue(noTiming)) measured = measured with { Timing = DoctorBenchmark.Timing(progress, cancellation) };
            if (!result.GetValue(noSweep)) measured = measured with { Sweep = DoctorBenchmark.Sweep(cases, progress, cancellation) };
            if (result.GetValue(json)) Console.WriteLine(JsonSerializer.Serialize(measured, Indented));
            else Write(measured);
            return Task.FromResult(measured.HealthyCalledIll == 0 ? 0 : 1);
        });
        return command;
    }

    /// <summary>The confusion matrix: a row for each right cause, a column for each cause named.</summary>
    private static void Write(DoctorResult result)
    {
        string[] causes = [.. result.Outcomes.SelectMany(o => new[] { o.Expected, o.Found }).Distinct().Order()];
        var table = new Table().AddColumn("is ↓   called →");
        foreach (string cause in causes) table.AddColumn(cause);
        foreach (string expected in causes)
            table.AddRow([expected, .. causes.Select(found => result.Outcomes.Count(o => o.Expected == expected && o.Found == found) is var n and > 0 ? $"{n}" : "·")]);
        AnsiConsole.Write(table);
        AnsiConsole.WriteLine($"{result.Right} of {result.Cases} right, {result.HealthyCalledIll} healthy called ill, {result.Seconds:0} s of diagnosis (place included: a right cause in a wrong place is not right)");
        if (result.Timing is { } timing) AnsiConsole.WriteLine($"the notebooks' broken network: {timing.DiagnosisSeconds:0.0} s for the whole diagnosis, {timing.LooksSeconds:0.0} s for fingerprint, distances and audit");
        if (result.Sweep is { } sweep) AnsiConsole.WriteLine($"one corrupted layer ranked first in {sweep.RankedFirst} of {sweep.Positions} positions, {sweep.Seconds:0} s{(sweep.Missed.Count > 0 ? ": missed " + string.Join(", ", sweep.Missed) : "")}");
    }

    private static Table Table(IEnumerable<CollapseResult> runs)
    {
        var table = new Table().AddColumns("seed", "broken: train loss", "val loss best (epoch)", "val loss final", "train IoU", "val IoU", "train images, inference: loss / IoU", "cured: val loss / IoU", "train, inference", "recalibrated: val loss / IoU");
        foreach (CollapseResult r in runs)
        {
            table.AddRow(
                $"{r.Seed}", $"{r.Broken.TrainLoss:0.000}", $"{r.Broken.ValLossBest:0.000} ({r.Broken.BestEpoch})", $"{r.Broken.ValLossFinal:0.000}", $"{r.Broken.TrainIoU:0.000}", $"{r.Broken.ValIoU:0.000}",
                $"{r.Broken.TrainInferenceLoss:0.000} / {r.Broken.TrainInferenceIoU:0.000}", $"{r.Inference.ValLoss:0.000} / {r.Inference.ValIoU:0.000}", $"{r.Inference.TrainInferenceLoss:0.000}",
                $"{r.Recalibrated.ValLoss:0.000} / {r.Recalibrated.ValIoU:0.000}");
        }

        return table;
    }

    /// <summary>Progress that leaves stdout to the result.</summary>
    private sealed class ErrorStreamProgress : IProgress<string>
    {
        public void Report(string value) => Console.Error.WriteLine(value);
    }
}
