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
        var jobs = new Option<int>("--jobs") { Description = "How many notebooks run at a time, each on its share of the cores.", DefaultValueFactory = _ => Environment.ProcessorCount };
        var inPlace = new Option<bool>("--in-place") { Description = "Replace each notebook that ran well by its executed copy." };
        var check = new Option<bool>("--check") { Description = "Run nothing: tell which committed notebooks no longer fit their text or the library, and fail if any." };
        var keepGoing = new Option<bool>("--keep-going") { Description = "Run the notebooks after a failed one too." };
        var mode = new Option<string>("--mode") { Description = "all: every cell; starter: as a learner gets it, every exercise must wait; solution: every exercise must refuse wrong answers and take its solution.", DefaultValueFactory = _ => "all" };
        var like = new Option<string?>("--like") { Description = "Folder with executed copies of an earlier run (OUTPUT/notebooks): fail where a figure differs by more than 1e-4. Durations and cells tagged timing are left out." };
        var command = new Command("run", $"Execute the notebooks and write executed copies and an HTML report. {RunExitCode.Help}") { notebooks, output, timeout, jobs, inPlace, mode, keepGoing, like, check };
        command.SetAction(async (parsed, cancel) =>
        {
            try
            {
                if (Repository.TryFindRoot() is not { } root) throw new ArgumentException(Repository.NotFound);
                double seconds = parsed.GetValue(timeout);
                var options = new RunOptions
                {
                    NotebookFolder = Path.Combine(root, "notebooks"),
                    OutputFolder = Path.GetFullPath(parsed.GetValue(output) ?? Path.Combine(root, "artifacts")),
                    Notebooks = parsed.GetValue(notebooks) ?? [],
                    CellTimeLimit = double.IsFinite(seconds) && Math.Abs(seconds) < 1e9 ? TimeSpan.FromSeconds(seconds) : TimeSpan.Zero,
                    Jobs = parsed.GetValue(jobs),
                    InPlace = parsed.GetValue(inPlace),
                    KeepGoing = parsed.GetValue(keepGoing),
                    Mode = NotebookModes.Parse(parsed.GetValue(mode)!),
                    LikeFolder = parsed.GetValue(like) is { } folder ? Path.GetFullPath(folder) : null,
                };
                if (parsed.GetValue(check)) return StaleCheck.Run(options.FindNotebooks(), Console.Out) ? RunExitCode.Success : RunExitCode.NotebookFailed;
                return (await new NotebookRunner(options, new RunDisplay(AnsiConsole.Console)).RunAsync(cancel)).ExitCode;
            }
            catch (OperationCanceledException)
            {
                Console.Error.WriteLine("Interrupted.");
                return RunExitCode.Interrupted; // as shells have it: ended by Ctrl+C
            }
            catch (ArgumentException e)
            {
                Console.Error.WriteLine(e.Message);
                return RunExitCode.BadUsage;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                Console.Error.WriteLine($"The results cannot be written: {e.Message} Give another folder with --output.");
                return RunExitCode.MachineTrouble;
            }
        });
        return command;
    }
}
