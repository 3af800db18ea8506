using System.CommandLine;
using System.Text.Json;
using Spectre.Console;
using UnetResnet.Lab.Benchmarks;

namespace UnetResnet.Lab.Commands;

/// <summary><c>lab bench kernel</c>: times the Jupyter kernel from a client's side.</summary>
internal static class KernelBenchCommand
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public static Command Create(IProgress<string> progress)
    {
        var starts = new Option<int>("--starts") { Description = "How many kernels are started one after another.", DefaultValueFactory = _ => 5 };
        var json = new Option<bool>("--json") { Description = "Print one JSON document on stdout and nothing else." };
        var command = new Command("kernel", "Start, cells, completion, interrupt, packages and memory of the Jupyter kernel, against their limits.") { starts, json };
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(starts) < 1)
            {
                Console.Error.WriteLine("--starts must be at least 1.");
                return 1;
            }

            IReadOnlyList<KernelFigure> figures = KernelBenchmark.Run(parsed.GetValue(starts), progress);
            if (parsed.GetValue(json)) Console.WriteLine(JsonSerializer.Serialize(figures, Indented));
            else
            {
                var table = new Table().AddColumns("", "median", "best", "limit", "", "samples");
                foreach (KernelFigure f in figures)
                    table.AddRow(Markup.Escape(f.Name), $"{f.Value:0.##} {f.Unit}", $"{f.Best:0.##} {f.Unit}", $"{f.Limit:0.##} {f.Unit}", f.Holds ? "holds" : "exceeded", $"{f.Samples}");
                AnsiConsole.Write(table);
            }

            return figures.All(f => f.Holds) ? 0 : 1;
        });
        return command;
    }
}
