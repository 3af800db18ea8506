using System.CommandLine;
using Cellar.Engine;
using Cellar.Notebooks;
using UnetResnet.Lab.Results;
using UnetResnet.Lab.Running;

namespace UnetResnet.Lab.Commands;

/// <summary>The hidden subcommand <c>lab run-notebook</c>: executes one notebook in this process for <c>lab run</c>, which it tells how far it is.</summary>
internal static class RunNotebookCommand
{
    public static Command Create()
    {
        var input = new Argument<string>("input");
        var output = new Argument<string>("output");
        var timeout = new Option<double>("--timeout") { DefaultValueFactory = _ => 600 };
        var mode = new Option<string>("--mode") { DefaultValueFactory = _ => "all" };
        var messages = new Option<string>("--messages") { Required = true };
        var life = new Option<string>("--life") { Required = true };
        var command = new Command(NotebookProcess.Subcommand, "Execute one notebook in this process.") { input, output, timeout, mode, messages, life };
        command.Hidden = true;
        command.SetAction(async (parsed, _) =>
        {
            TextWriter link = WorkerLink.Join(parsed.GetValue(messages)!, parsed.GetValue(life)!);
            void Tell(WorkerMessage message)
            {
                lock (link) link.WriteLine(message.ToLine());
            }

            bool finished = false;
            AppDomain.CurrentDomain.ProcessExit += (_, _) => { if (!finished) Tell(new WorkerMessage { Exiting = true }); };
            string path = Path.GetFullPath(parsed.GetValue(input)!);
            NotebookResult result = await ExecuteAsync(path, Path.GetFullPath(parsed.GetValue(output)!), TimeSpan.FromSeconds(parsed.GetValue(timeout)), NotebookModes.Parse(parsed.GetValue(mode)!), Tell);
            finished = true;
            Tell(new WorkerMessage { Result = result });

            // A cell that could not be stopped, or a thread it has left behind, must not keep the process.
            Environment.Exit(result.Succeeded ? 0 : 1);
            return 0;
        });
        return command;
    }

    private static async Task<NotebookResult> ExecuteAsync(string path, string copy, TimeSpan timeLimit, NotebookMode mode, Action<WorkerMessage> tell)
    {
        string folder = Path.GetDirectoryName(path)!;
        Directory.SetCurrentDirectory(folder);
        using var engine = new NotebookEngine(folder); // first, since its compiler gets warm while the notebook is read
        NotebookDocument notebook = NotebookModes.Apply(NotebookDocument.Load(path), mode);
        try
        {
            var executor = new NotebookExecutor(engine, timeLimit, tell);
            NotebookResult result = await executor.ExecuteAsync(notebook, () => notebook.Save(copy));
            notebook.Save(copy);
            return result;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            var failure = new CellFailure(null, null, null, "CopyNotWritten", $"{copy} could not be written: {e.Message} Free the disk, or give another folder with --output.", []) { Kind = FailureKind.Machine };
            return new NotebookResult { Notebook = notebook.Name, Cells = notebook.Cells.Count(c => c.IsCode && !c.IsBlank), Executed = 0, Failure = failure };
        }
    }
}
