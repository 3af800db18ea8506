using System.CommandLine;
using Spectre.Console;
using UnetResnet.Lab.Benchmarks;

namespace UnetResnet.Lab.Commands;

/// <summary><c>lab bench interrupts</c>: interrupts busy cells of the Jupyter kernel, and times what the checkpoints that stop them cost.</summary>
internal static class InterruptsBenchCommand
{
    public static Command Create(IProgress<string> progress)
    {
        Option<int> count = BenchOptions.Count("--count", "How many cells are interrupted.", 2000);
        Option<int> patience = BenchOptions.Count("--patience", "After how many seconds a cell that has not stopped hangs.", 10);
        Option<bool> json = BenchOptions.Json(" It has the interrupts without the cost of the checkpoints; the kinds of cells go to stderr.");
        var command = new Command("interrupts", "Interrupts busy cells of many kinds in the Jupyter kernel: what died, hung or was lost, and how long it took.") { count, patience, json };
        command.SetAction(async (parsed, _) =>
        {
            InterruptResult result = InterruptBenchmark.Run(parsed.GetValue(count), TimeSpan.FromSeconds(parsed.GetValue(patience)), progress);
            if (parsed.GetValue(json))
            {
                foreach (InterruptKind kind in result.Kinds)
                    Console.Error.WriteLine($"{kind.Cell.Name}: {kind.Tried} interrupts, {kind.Lost} lost, median {kind.Median:0} ms, longest {kind.Longest:0} ms");
                BenchOptions.Print(result);
                return result.Holds ? 0 : 1;
            }

            var table = new Table().AddColumns("cell", "interrupts", "lost", "median", "p95", "longest");
            foreach (InterruptKind kind in result.Kinds)
                table.AddRow(Markup.Escape(kind.Cell.Name + (kind.Cell.OneCall ? " (no limit)" : "")), $"{kind.Tried}", $"{kind.Lost}", $"{kind.Median:0} ms", $"{kind.P95:0} ms", $"{kind.Longest:0} ms");
            AnsiConsole.Write(table);
            AnsiConsole.WriteLine($"{result.Tried} interrupts: {result.Died} kernels died, {result.Hung} hung, {result.LostVariables} lost variables; p95 {result.P95:0} ms (limit {InterruptResult.Limit:0} ms)");
            IReadOnlyList<CheckpointCost> costs = await CheckpointCost.MeasureAsync();
            foreach (CheckpointCost cost in costs)
                AnsiConsole.WriteLine($"a loop that {cost.Loop}: {cost.Without:0.00} ns a turn, {cost.With:0.00} ns with checkpoints, {100 * cost.Share:+0;-0;0} % (limit {100 * cost.Limit:0} %)");
            return result.Holds && costs.All(c => c.Share <= c.Limit) ? 0 : 1;
        });
        return command;
    }
}
