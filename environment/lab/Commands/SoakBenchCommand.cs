using System.CommandLine;
using System.Diagnostics;
using Spectre.Console;
using UnetResnet.Lab.Benchmarks;
using UnetResnet.Runtime;

namespace UnetResnet.Lab.Commands;

/// <summary><c>lab bench soak</c>: the same work again and again, and what was lost or left behind.</summary>
internal static class SoakBenchCommand
{
    public static Command Create(IProgress<string> progress)
    {
        var minutes = new Option<double>("--minutes") { Description = "Start another round as long as one more of its length fits into these minutes; there is at least one.", DefaultValueFactory = _ => 10 };
        minutes.Validators.Add(result => { if (result.GetValueOrDefault<double>() is not (>= 0 and < 10_000)) result.AddError("--minutes must be at least 0."); });
        Option<bool> json = BenchOptions.Json();
        var command = new Command("soak", "Rounds of 1,000 training steps, 100 diagnoses, 200 saves, 2,000 kernel cells and 50 kills of a training: what was lost, and what memory does.") { minutes, json };
        command.SetAction((parsed, cancellation) =>
        {
            TorchRuntime.Initialize();
            var limit = TimeSpan.FromMinutes(parsed.GetValue(minutes));
            var watch = Stopwatch.StartNew();
            var rounds = new List<IReadOnlyList<SoakPart>>();
            TimeSpan longest = TimeSpan.Zero;
            do
            {
                TimeSpan begun = watch.Elapsed;
                rounds.Add(SoakBenchmark.Run(new SoakPlan(), rounds.Count, progress, cancellation));
                longest = watch.Elapsed - begun > longest ? watch.Elapsed - begun : longest;
            }
            while (watch.Elapsed + longest <= limit);

            SoakPart[] parts = [.. rounds.SelectMany(round => round)];
            bool holds = parts.All(part => part.Holds);
            if (parsed.GetValue(json))
                BenchOptions.Print(new { Rounds = rounds, Tried = parts.Sum(p => p.Tried), Survived = parts.Sum(p => p.Survived), Lost = parts.Sum(p => p.Lost), Minutes = Math.Round(watch.Elapsed.TotalMinutes, 1), Holds = holds });
            else
                Write(parts);
            return Task.FromResult(holds ? 0 : 1);
        });
        return command;
    }

    private static void Write(IEnumerable<SoakPart> parts)
    {
        var table = new Table().AddColumns("what", "tried", "survived", "lost", "live tensors", "resident MB", "seconds");
        foreach (SoakPart part in parts)
        {
            table.AddRow(
                part.Name, $"{part.Tried}", $"{part.Survived}", $"{part.Lost}", $"{part.LiveTensorsBefore} → {part.LiveTensorsAfter}",
                $"{NumberText.Fixed(part.RssBeforeMb, 0)} → {NumberText.Fixed(part.RssAfterMb, 0)} (at most {NumberText.Fixed(part.RssLimitMb, 0)} more)", NumberText.Fixed(part.Seconds, 0));
        }

        AnsiConsole.Write(table);
    }
}
