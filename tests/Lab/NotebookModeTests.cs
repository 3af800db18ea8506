using System.Text.Json.Nodes;
using Cellar.Notebooks;
using Spectre.Console;
using UnetResnet.Lab.Commands;
using UnetResnet.Lab.Results;
using UnetResnet.Lab.Running;
using UnetResnet.Notebooks;

namespace UnetResnet.Tests.Lab;

/// <summary>Exercises run open, solved, and with wrong answers.</summary>
public sealed class NotebookModeTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    private static string Setup => $"#r \"{typeof(Exercise).Assembly.Location}\"\nusing UnetResnet.Notebooks;\nint found = 0;";

    private static JsonObject ExerciseCell(string check, params string[] wrong)
    {
        JsonObject cell = Notebook.Code($"int answer = Exercise.Todo<int>(\"Six times \\\"seven\\\".\");\nfound++;\n{check}", NotebookModes.Exercise);
        cell["metadata"]![NotebookModes.WrongAnswers] = new JsonArray([.. wrong.Select(w => (JsonNode)w)]);
        return cell;
    }

    private const string Check = "Exercise.Check(\"product\", answer, a => a % 6 == 0 && a / 6 == 7, \"multiply\");";

    private static JsonObject Solved(string code = "int answer = 6 * 7;\n" + Check) => Notebook.Code(code, NotebookModes.Solution);

    public void Dispose() => folder.Dispose();

    private async Task<NotebookResult> Run(NotebookMode mode, params JsonObject[] cells)
    {
        folder.Write("course/01.ipynb", Notebook.Text([Notebook.Code(Setup), .. cells, Notebook.Code("found")]));
        var options = new RunOptions { NotebookFolder = folder["course"], OutputFolder = folder["out"], Mode = mode };
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(TextWriter.Null), Ansi = AnsiSupport.No, Interactive = InteractionSupport.No });
        return Assert.Single((await new NotebookRunner(options, new RunDisplay(console)).RunAsync(CancellationToken.None)).Results);
    }

    [Fact]
    public async Task Starter_leaves_solutions_out_and_solution_tries_wrong_answers_first()
    {
        NotebookResult starter = await Run(NotebookMode.Starter, ExerciseCell(Check, "41", "int.Parse(\"13\")"), Solved());
        Assert.Null(starter.Failure);
        Assert.Equal(3, starter.Cells);
        NotebookResult solution = await Run(NotebookMode.Solution, ExerciseCell(Check, "41", "int.Parse(\"13\")"), Solved());
        Assert.Null(solution.Failure);
        Assert.Equal(6, solution.Cells);
        // The starter and two wrong answers have run up to their checks.
        NotebookDocument copy = NotebookDocument.Load(folder["out", "notebooks", "01.ipynb"]);
        Assert.Contains("3", copy.Cells[^1].Outputs[0]!.ToJsonString(), StringComparison.Ordinal);
        Assert.Null((await Run(NotebookMode.All, ExerciseCell(Check), Solved())).Failure);
    }

    [Theory]
    [InlineData("solution", "Exercise.Check(\"any\", answer, _ => true);", "41", "takes a wrong answer")]
    [InlineData("solution", "throw new Exception(\"no check\");", "41", "no check")]
    [InlineData("starter", "Expect.That(\"x\", 1).IsAtLeast(0);", "41", "does not wait")]
    public async Task A_check_that_checks_nothing_fails_the_run(string mode, string check, string wrong, string reason)
    {
        NotebookResult result = await Run(NotebookModes.Parse(mode), ExerciseCell(check, wrong), Solved());
        Assert.Contains(reason, result.Failure!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_solution_that_is_not_checked_or_wrong_fails_the_run()
    {
        Assert.Contains("not checked", (await Run(NotebookMode.All, ExerciseCell(Check), Solved("int answer = 42;"))).Failure!.Message, StringComparison.Ordinal);
        Assert.Contains("Hint 1 of 1: multiply", (await Run(NotebookMode.All, ExerciseCell(Check), Solved("int answer = 43;\n" + Check))).Failure!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_exercise_without_a_place_or_wrong_answers_is_refused_by_name()
    {
        NotebookDocument Of(JsonObject cell) => NotebookDocument.Parse(Notebook.Text(cell), "05.ipynb");
        Assert.Contains("05: an exercise has no \"wrong_answers\"", Assert.Throws<NotebookFormatException>(() => NotebookModes.Apply(Of(ExerciseCell(Check)), NotebookMode.Solution)).Message, StringComparison.Ordinal);
        JsonObject bare = Notebook.Code("int x = 1;", NotebookModes.Exercise);
        Assert.Contains("no Exercise.Todo", Assert.Throws<NotebookFormatException>(() => NotebookModes.Apply(Of(bare), NotebookMode.Solution)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("double x = Exercise.Todo<double>(\"a (b) \\\"c\\\"\");", "double x = 1;")]
    [InlineData("var f = Exercise.Todo<Func<Tensor, (double, int)>>(\"write it\");", "var f = 1;")]
    [InlineData("var f = Exercise.Todo<Func<IReadOnlyList<double>, double>>(\"write it\");", "var f = 1;")]
    public void The_answer_replaces_the_whole_place(string source, string expected)
    {
        JsonObject cell = Notebook.Code(source, NotebookModes.Exercise);
        cell["metadata"]![NotebookModes.WrongAnswers] = new JsonArray("1");
        NotebookDocument notebook = NotebookDocument.Parse(Notebook.Text(cell), "a.ipynb");
        Assert.Equal(expected, NotebookModes.Apply(notebook, NotebookMode.Solution).Cells[1].Source);
    }

    [Fact]
    public async Task Modes_have_names_and_in_place_takes_the_whole_notebook_only()
    {
        string good = folder.Write("good.ipynb", Notebook.Text(Notebook.Code("1")));
        Assert.Equal(0, await RunCommand.Create().Parse([good, "--output", folder["out"], "--mode", "starter"]).InvokeAsync());
        Assert.Equal(RunExitCode.BadUsage, await RunCommand.Create().Parse([good, "--output", folder["out"], "--mode", "cheat"]).InvokeAsync());
        Assert.Equal(RunExitCode.BadUsage, await RunCommand.Create().Parse([good, "--output", folder["out"], "--mode", "2"]).InvokeAsync());
        Assert.Equal(RunExitCode.BadUsage, await RunCommand.Create().Parse([good, "--output", folder["out"], "--mode", "solution", "--in-place"]).InvokeAsync());
    }
}
