using System.CommandLine;
using System.Globalization;
using Cellar.Commands;
using UnetResnet.Lab.Benchmarks;
using UnetResnet.Runtime;

namespace UnetResnet.Lab.Commands;

/// <summary><c>lab bench cells</c>: memory that small cells leave behind in the Jupyter kernel, beside what the .NET runtime takes by itself.</summary>
internal static class CellsBenchCommand
{
    private const string Name = "cells";

    public static Command Create(IProgress<string> progress)
    {
        Option<int> count = BenchOptions.Count("--count", "How many cells are run.", 2000, least: 100);
        var load = new Option<string?>(CellsBenchmark.LoadOption) { Hidden = true };
        Option<bool> json = BenchOptions.Json();
        var command = new Command(Name, "Memory that a small cell leaves behind in the kernel, and what .NET takes of it by itself.") { count, load, json };
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(load) is { } folder)
            {
                Console.WriteLine(CellsBenchmark.Load(folder).ToString(CultureInfo.InvariantCulture));
                return 0;
            }

            CellsResult result = CellsBenchmark.Run(parsed.GetValue(count), [.. OwnProgram.Of(typeof(CellsBenchCommand).Assembly), "bench", Name], progress);
            Console.WriteLine(parsed.GetValue(json)
                ? BenchOptions.Text(result)
                : $"{result.Cells} cells with a variable: {NumberText.Fixed(result.KernelKb, 0)} kB each in the kernel, of which .NET takes {NumberText.Fixed(result.RuntimeKb, 0)} kB for an assembly that has run\n"
                    + $"a cell takes {NumberText.Fixed(result.FirstMs, 1)} ms at the beginning and {NumberText.Fixed(result.LastMs, 1)} ms at the end");
            return 0;
        });
        return command;
    }
}
