using System.CommandLine;
using Cellar.Notebooks;
using UnetResnet.Lab.Running;

namespace UnetResnet.Lab.Commands;

/// <summary>The hidden subcommand <c>lab run-notebook</c>: executes one notebook in this process for <c>lab run</c>, which reads what it prints.</summary>
internal static class RunNotebookCommand
{
    public static Command Create()
    {
        var input = new Argument<string>("input");
        var output = new Argument<string>("output");
        var timeout = new Option<double>("--timeout") { DefaultValueFactory = _ => 600 };
        var mode = new Option<string>("--mode") { DefaultValueFactory = _ => "all" };
        var command = new Command(NotebookProcess.Subcommand, "Execute one notebook in this process.") { input, output, timeout, mode };
        command.Hidden = true;
        command.SetAction(async (parsed, _) =>
        {
            // Cells print through Console.Out, which the engine takes over: the messages need the stream itself.
            using var messages = new StreamWriter(Console.OpenStandardOutput()) { AutoFlush = true };
            string path = Path.GetFullPath(parsed.GetValue(input)!);
            string copy = Path.GetFullPath(parsed.GetValue(output)!);
            string folder = Path.GetDirectoryName(path)!;
            Directory.SetCurrentDirectory(folder);

            NotebookDocument notebook = NotebookModes.Apply(NotebookDocument.Load(path), NotebookModes.Parse(parsed.GetValue(mode)!));
            var executor = new NotebookExecutor(TimeSpan.FromSeconds(parsed.GetValue(timeout)), message => messages.WriteLine(message.ToLine()));
            NotebookResult result = await executor.ExecuteAsync(notebook, folder, () => notebook.Save(copy));
            notebook.Save(copy);
            messages.WriteLine(new WorkerMessage { Result = result }.ToLine());

            // A cell that could not be stopped, or a thread it has left behind, must not keep the process.
            Environment.Exit(result.Succeeded ? 0 : 1);
            return 0;
        });
        return command;
    }
}
