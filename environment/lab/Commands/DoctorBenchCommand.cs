using System.CommandLine;
using Spectre.Console;
using UnetResnet.Lab.Benchmarks;
using UnetResnet.Runtime;

namespace UnetResnet.Lab.Commands;

/// <summary><c>lab bench doctor</c>: how often the doctor names the right cause on the labelled networks, and how long it takes.</summary>
internal static class DoctorBenchCommand
{
    public static Command Create(IProgress<string> progress)
    {
        var only = new Option<string>("--only") { Description = "Only cases whose name contains this.", DefaultValueFactory = _ => "" };
        var quick = new Option<bool>("--quick") { Description = "Only cases that are made in a second or two." };
        var noTiming = new Option<bool>("--no-timing") { Description = "Leave out how long the notebooks' broken network keeps the doctor." };
        var noSweep = new Option<bool>("--no-sweep") { Description = "Leave out the sweep of one corrupted layer over the encoder's 53 positions." };
        Option<bool> json = BenchOptions.Json();
        var command = new Command("doctor", "How often the doctor names the right cause on the labelled set, and whether attribution finds one ill layer anywhere.") { only, quick, noSweep, noTiming, json };
        command.SetAction((result, cancellation) =>
        {
            TorchRuntime.Initialize();
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
            if (result.GetValue(json)) BenchOptions.Print(measured);
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
        if (result.Timing is { } timing) AnsiConsole.WriteLine($"the notebooks' broken network: {timing.DiagnosisSeconds:0.00} s for the whole diagnosis ({timing.DiagnosisSecondsMin:0.00} to {timing.DiagnosisSecondsMax:0.00}), {timing.LooksSeconds:0.0} s for fingerprint, distances and audit");
        if (result.Sweep is { } sweep) AnsiConsole.WriteLine($"one corrupted layer ranked first in {sweep.RankedFirst} of {sweep.Positions} positions, {sweep.Seconds:0} s{(sweep.Missed.Count > 0 ? ": missed " + string.Join(", ", sweep.Missed) : "")}");
    }
}
