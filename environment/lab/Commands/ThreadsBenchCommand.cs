using System.CommandLine;
using System.Globalization;
using Spectre.Console;
using UnetResnet.Lab.Benchmarks;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using UnetResnet.Training;

namespace UnetResnet.Lab.Commands;

/// <summary><c>lab bench threads</c>: whether a training can be repeated, and how far it differs between thread counts.</summary>
internal static class ThreadsBenchCommand
{
    public static Command Create(IProgress<string> progress)
    {
        var counts = new Option<string>("--counts") { Description = "Numbers of threads, separated by commas.", DefaultValueFactory = _ => "1,2,4" };
        counts.Validators.Add(result => { if (Counts(result.GetValueOrDefault<string>()).Any(n => n is null)) result.AddError("--counts takes numbers from 1 to 256, separated by commas, such as 1,2,4."); });
        Option<int> epochs = BenchOptions.Count("--epochs", "Epochs of each training.", Preset.Quick.Epochs);
        Option<bool> json = BenchOptions.Json();
        var command = new Command("threads", "Trains the quick preset twice with each number of threads: whether it is the same bit for bit, and how far it is from one thread.") { counts, epochs, json };
        command.SetAction((parsed, cancellation) =>
        {
            Preset preset = Preset.Quick with { Epochs = parsed.GetValue(epochs) };
            IReadOnlyList<ThreadsResult> results = ThreadsBenchmark.Run([.. Counts(parsed.GetValue(counts)).Select(n => n!.Value)], preset, BatchNormMode.Inference, progress, cancellation);
            if (parsed.GetValue(json))
            {
                BenchOptions.Print(results);
            }
            else
            {
                var table = new Table().AddColumns("threads", "same again", "same as one thread", "loss differs by", "IoU differs by", "validation loss", "validation IoU");
                foreach (ThreadsResult r in results)
                    table.AddRow($"{r.Threads}", r.Repeatable ? "yes" : "no", r.SameAsOne ? "yes" : "no", NumberText.Percent(r.LossSpread, 3), NumberText.Short(r.IoUSpread), NumberText.Fixed(r.ValidationLoss, 4), NumberText.Fixed(r.ValidationIoU, 4));
                AnsiConsole.Write(table);
            }

            return Task.FromResult(results.All(r => r.Repeatable) ? 0 : 1);
        });
        return command;
    }

    private static IEnumerable<int?> Counts(string? text) =>
        (text ?? "").Split(',').Select(n => int.TryParse(n, NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count is >= 1 and <= 256 ? count : (int?)null);
}
