using System.Diagnostics;
using Spectre.Console;
using UnetResnet.Lab.Results;

namespace UnetResnet.Lab.Running;

/// <summary>Shows a run on the console: a live line in a terminal, plain lines elsewhere, and a table at the end.</summary>
internal sealed class RunDisplay(IAnsiConsole console)
{
    /// <summary>Shows the progress of one notebook.</summary>
    public async Task<NotebookResult> ShowAsync(string notebook, Func<Action<WorkerMessage>, Task<NotebookResult>> run)
    {
        NotebookResult result;
        if (console.Profile.Capabilities.Interactive)
        {
            result = await console.Status().Spinner(Spinner.Known.Dots).StartAsync(
                $"[bold]{notebook.EscapeMarkup()}[/]  starting",
                async status =>
                {
                    var watch = Stopwatch.StartNew();
                    string cell = "starting";
                    using var clock = new Timer(_ => status.Status($"[bold]{notebook.EscapeMarkup()}[/]  {cell}  [grey]{watch.Elapsed.TotalSeconds:0} s[/]"), null, 0, 500);
                    return await run(message => cell = $"cell {message.Index} of {message.Count}");
                });
        }
        else
        {
            var watch = Stopwatch.StartNew();
            result = await run(message =>
            {
                if (message.Done) console.WriteLine($"{notebook}: cell {message.Index} of {message.Count} done ({watch.Elapsed.TotalSeconds:0.0} s)");
            });
        }

        if (result.Succeeded) console.MarkupLine($"[green]ok[/]      {notebook.EscapeMarkup()}  [grey]{result.Executed} cells, {result.Seconds:0.0} s[/]");
        else ShowFailure(result, result.Failure!);
        return result;
    }

    /// <summary>Shows the table of all notebooks, and where the report lies or why there is none.</summary>
    public void ShowSummary(IReadOnlyList<string> notebooks, IReadOnlyList<NotebookResult> results, string report)
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
        console.Profile.Out.Writer.WriteLine(report);
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
}
