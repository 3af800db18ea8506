using System.CommandLine;
using Cellar.Notebooks;
using UnetResnet.Lab.Report;
using UnetResnet.Lab.Results;
using UnetResnet.Lab.Running;

namespace UnetResnet.Lab.Commands;

/// <summary><c>lab report</c>: the HTML report of notebooks that hold their outputs, without running them.</summary>
internal static class ReportCommand
{
    public static Command Create()
    {
        var notebooks = new Argument<string[]>("notebook") { Description = "Files, or beginnings of names in notebooks/; all of notebooks/ when left out.", Arity = ArgumentArity.ZeroOrMore };
        var output = new Option<string?>("--output") { Description = "Folder of the report. Default: artifacts/report in the repository." };
        var command = new Command("report", "Write the HTML report from notebooks as they are, without running them.") { notebooks, output };
        command.SetAction(parsed =>
        {
            string root = Repository.FindRoot();
            var options = new RunOptions { NotebookFolder = Path.Combine(root, "notebooks"), OutputFolder = Path.Combine(root, "artifacts"), Notebooks = parsed.GetValue(notebooks) ?? [] };
            ReportEntry[] entries = [.. options.FindNotebooks().Select(path =>
            {
                NotebookDocument notebook = NotebookDocument.Load(path);
                return new ReportEntry(notebook, RunStamp.Read(notebook), Path.GetDirectoryName(Path.GetFullPath(path))!);
            })];
            Console.WriteLine(ReportWriter.Write(Path.GetFullPath(parsed.GetValue(output) ?? Path.Combine(root, "artifacts", "report")), entries));
            return 0;
        });
        return command;
    }
}
