using System.CommandLine;
using System.Globalization;
using Spectre.Console;
using UnetResnet.Lab.Benchmarks;

namespace UnetResnet.Lab.Commands;

/// <summary><c>lab bench kernel</c>: times the Jupyter kernel from a client's side.</summary>
internal static class KernelBenchCommand
{
    public static Command Create(IProgress<string> progress)
    {
        Option<int> starts = BenchOptions.Count("--starts", "How many kernels are started one after another.", 5);
        var alone = new Option<bool>("--alone") { Description = "Leave out other kernels that are installed (ipykernel, .NET Interactive)." };
        Option<bool> json = BenchOptions.Json();
        var command = new Command("kernel", "Start, cells, completion, interrupt, packages and memory of the Jupyter kernel, against their limits and beside other kernels that are installed.") { starts, alone, json };
        command.SetAction(parsed =>
        {
            IReadOnlyList<KernelProgram> peers = parsed.GetValue(alone) ? [] : KernelProgram.Peers();
            IReadOnlyList<KernelFigure> figures = KernelBenchmark.Run(parsed.GetValue(starts), peers, progress);
            if (parsed.GetValue(json)) BenchOptions.Print(figures);
            else Write(figures, peers);
            return figures.All(f => f.Holds) ? 0 : 1;
        });
        return command;
    }

    /// <summary>A column for each other kernel: its median, and how many times ours it is.</summary>
    private static void Write(IReadOnlyList<KernelFigure> figures, IReadOnlyList<KernelProgram> peers)
    {
        var table = new Table().AddColumns("", "median", "best", "limit", "", "samples");
        foreach (KernelProgram peer in peers) table.AddColumn(Markup.Escape(peer.Name));
        foreach (KernelFigure f in figures)
        {
            table.AddRow([
                Markup.Escape(f.Name), Text(f.Value, f.Unit), Text(f.Best, f.Unit), Text(f.Limit, f.Unit), f.Holds ? "holds" : "exceeded", Text(f.Samples, ""),
                .. peers.Select(p => f.Peers[p.Name] is { } value ? $"{Text(value, f.Unit)} ({Text(value / f.Value, "")}×)" : "–")]);
        }

        AnsiConsole.Write(table);
        if (peers.Count > 0) AnsiConsole.WriteLine("In brackets: how many times this kernel's figure. –: not done, or not measured there.");
    }

    private static string Text(double value, string unit) => string.Create(CultureInfo.InvariantCulture, $"{value:0.##} {unit}").TrimEnd();
}
