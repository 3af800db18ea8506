using System.Diagnostics;
using Spectre.Console;
using UnetResnet.Lab.Results;

namespace UnetResnet.Lab.Running;

/// <summary>Shows a run on the console: a live line in a terminal, plain lines elsewhere, and a table at the end.</summary>
internal sealed class RunDisplay(IAnsiConsole console)
{
    private readonly Lock gate = new();
    private readonly List<UnderWay> running = [];

    /// <summary>Shows what is under way while notebooks run.</summary>
    public Task ShowAsync(Func<Task> run) => !console.Profile.Capabilities.Interactive ? run() : console.Status().Spinner(Spinner.Known.Dots).StartAsync(
        "starting",
        async status =>
        {
            using var clock = new Timer(_ => status.Status(Now()), null, 0, 500);
            await run();
        });

    /// <summary>Shows the progress of one notebook, and how it ended.</summary>
    public async Task<NotebookResult> ShowNotebookAsync(string notebook, Func<Action<WorkerMessage>, Task<NotebookResult>> run)
    {
        var own = new UnderWay(notebook, Stopwatch.StartNew());
        lock (gate) running.Add(own);
        try
        {
            NotebookResult result = await run(message =>
            {
                own.Cell = $"cell {message.Index} of {message.Count}";
                if (!message.Done || console.Profile.Capabilities.Interactive) return;
                lock (gate) console.WriteLine($"{notebook}: {own.Cell} done ({own.Watch.Elapsed.TotalSeconds:0.0} s)");
            });
            lock (gate)
            {
                if (result.Succeeded) console.MarkupLine($"[green]ok[/]      {notebook.EscapeMarkup()}  [grey]{result.Executed} cells, {result.Seconds:0.0} s[/]");
                else ShowFailure(result, result.Failure!);
            }

            return result;
        }
        finally
        {
            lock (gate) running.Remove(own);
        }
    }

    private string Now()
    {
        lock (gate) return string.Join('\n', running.Select(n => $"[bold]{n.Notebook.EscapeMarkup()}[/]  {n.Cell}  [grey]{n.Watch.Elapsed.TotalSeconds:0} s[/]"));
    }

    /// <summary>Shows where the report lies, or why there is none.</summary>
    public void ShowReport(string line) => console.Profile.Out.Writer.WriteLine(line);

    /// <summary>Shows the table of all notebooks and how long they took together.</summary>
    public void ShowSummary(IReadOnlyList<string> notebooks, IReadOnlyList<NotebookResult> results, int jobs, TimeSpan time)
    {
        var table = new Table().Border(TableBorder.Rounded);
        table.AddColumn("notebook");
        foreach (string column in (string[])["cells", "seconds", "peak memory"]) table.AddColumn(new TableColumn(column).RightAligned());
        table.AddColumn("result");
        foreach (string path in notebooks)
        {
            string name = Path.GetFileNameWithoutExtension(path);
            if (results.FirstOrDefault(r => r.Notebook == name) is not { } result)
            {
                table.AddRow(name.EscapeMarkup(), "", "", "", "[grey]not run[/]");
                continue;
            }

            table.AddRow(
                name.EscapeMarkup(),
                result.Executed == result.Cells ? $"{result.Cells}" : $"{result.Executed} of {result.Cells}",
                $"{result.Seconds:0.0}",
                result.PeakMemoryBytes > 0 ? $"{result.PeakMemoryBytes / (double)(1 << 30):0.00} GiB" : "?",
                Outcome(result.Failure));
        }

        console.WriteLine();
        console.Write(table);
        console.Profile.Out.Writer.WriteLine($"{results.Count} of {notebooks.Count} notebooks in {time.TotalSeconds:0.0} s, {(jobs == 1 ? "one" : $"{jobs}")} at a time.");
    }

    private static string Outcome(CellFailure? failure)
    {
        if (failure is null) return "[green]ok[/]";
        string what = failure.Kind switch
        {
            FailureKind.TimeLimit => "time limit",
            FailureKind.Machine => "machine trouble",
            _ => "failed",
        };
        return failure.Cell is { } cell ? $"[red]{what} in cell {cell}[/]" : $"[red]{what}[/]";
    }

    private void ShowFailure(NotebookResult result, CellFailure failure)
    {
        string place = failure switch
        {
            { Cell: { } cell, Line: { } line } => $", cell {cell}, line {line}",
            { Cell: { } cell } => $", cell {cell}",
            _ => "",
        };
        console.MarkupLine($"[red]failed[/]  [bold]{(result.Notebook + place).EscapeMarkup()}[/]");

        // Past the console's word wrap, which would tear a caret from what it points at.
        TextWriter writer = console.Profile.Out.Writer;
        if (failure.SourceLine is { } source) writer.WriteLine("    " + source.Trim());
        string head = $"{failure.Name}: {failure.Message}";
        writer.WriteLine(head);
        foreach (string text in failure.Traceback.Where(t => t != head)) writer.WriteLine(text);
    }

    /// <summary>A notebook that runs.</summary>
    private sealed class UnderWay(string notebook, Stopwatch watch)
    {
        public string Notebook => notebook;

        public Stopwatch Watch => watch;

        public string Cell { get; set; } = "starting";
    }
}
