using System.CommandLine;
using Spectre.Console;
using UnetResnet.Lab.Running;

namespace UnetResnet.Lab.Commands;

/// <summary><c>lab run</c>: executes the notebooks and writes the report.</summary>
internal static class RunCommand
{
    public static Command Create()
    {
        var notebooks = new Argument<string[]>("notebook") { Description = "Files, or beginnings of names in notebooks/; all of notebooks/ when left out.", Arity = ArgumentArity.ZeroOrMore };
        var output = new Option<string?>("--output") { Description = "Folder for notebooks/ (executed copies) and report/. Default: artifacts/ in the repository." };
        var timeout = new Option<double>("--timeout") { Description = "Seconds a cell may take.", DefaultValueFactory = _ => 600 };
        var inPlace = new Option<bool>("--in-place") { Description = "Replace each notebook that ran well by its executed copy." };
        var mode = new Option<string>("--mode") { Description = "all: every cell; starter: as a learner gets it, every exercise must wait; solution: every exercise must refuse wrong answers and take its solution.", DefaultValueFactory = _ => "all" };
        var command = new Command("run", "Execute the notebooks and write executed copies and an HTML report.") { notebooks, output, timeout, inPlace, mode };
        command.SetAction(async (parsed, cancel) =>
        {
            try
            {
                string root = Repository.FindRoot();
                double seconds = parsed.GetValue(timeout);
                var options = new RunOptions
                {
                    NotebookFolder = Path.Combine(root, "notebooks"),
                    OutputFolder = Path.GetFullPath(parsed.GetValue(output) ?? Path.Combine(root, "artifacts")),
                    Notebooks = parsed.GetValue(notebooks) ?? [],
                    CellTimeLimit = double.IsFinite(seconds) && Math.Abs(seconds) < 1e9 ? TimeSpan.FromSeconds(seconds) : TimeSpan.Zero,
                    InPlace = parsed.GetValue(inPlace),
                    Mode = NotebookModes.Parse(parsed.GetValue(mode)!),
                };
                IReadOnlyList<NotebookResult> results = await new NotebookRunner(options, new RunDisplay(AnsiConsole.Console)).RunAsync(cancel);
                return results.All(r => r.Succeeded) ? 0 : 1;
            }
            catch (OperationCanceledException)
            {
                Console.Error.WriteLine("Interrupted.");
                return 130; // as shells have it: ended by Ctrl+C
            }
            catch (Exception e) when (e is ArgumentException or IOException or UnauthorizedAccessException)
            {
                Console.Error.WriteLine(e.Message);
                return 1;
            }
        });
        return command;
    }
}
