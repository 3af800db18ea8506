using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using Cellar.Notebooks;
using Spectre.Console;
using UnetResnet.Lab.Commands;
using UnetResnet.Lab.Results;
using UnetResnet.Lab.Running;

namespace UnetResnet.Tests.Lab;

/// <summary>Whole runs, each notebook in a process of its own.</summary>
public sealed class RunnerTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly StringWriter printed = new();

    public void Dispose() => folder.Dispose();

    private string Output => Path.Combine(folder.Path, "out");

    private RunOptions Options => new() { NotebookFolder = folder.Path, OutputFolder = Output };

    private async Task<IReadOnlyList<NotebookResult>> Run(RunOptions? options = null) => (await RunWhole(options)).Results;

    private async Task<RunResult> RunWhole(RunOptions? options = null)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(printed), Ansi = AnsiSupport.No, Interactive = InteractionSupport.No });
        return await new NotebookRunner(options ?? Options, new RunDisplay(console)).RunAsync(CancellationToken.None);
    }

    private NotebookDocument Copy(string name) => NotebookDocument.Load(Path.Combine(Output, "notebooks", name + ".ipynb"));

    [Fact]
    public async Task Notebooks_run_in_name_order_each_afresh_in_its_own_folder()
    {
        folder.Write("beside.txt", "read me");
        string second = folder.Write("02.ipynb", Notebook.Text(Notebook.Code("string x = File.ReadAllText(\"beside.txt\");\nx")));
        folder.Write("01.ipynb", Notebook.Text(Notebook.Markdown("# One"), Notebook.Code("int x = 1; Console.WriteLine(\"hello\");"), Notebook.Code(" "), Notebook.Code("x + 1")));
        string original = File.ReadAllText(second);

        IReadOnlyList<NotebookResult> results = await Run();

        Assert.Equal(["01", "02"], results.Select(r => r.Notebook));
        Assert.All(results, r => Assert.True(r.Succeeded));
        Assert.Equal((2, 2), (results[0].Cells, results[0].Executed));
        Assert.All(results, r => Assert.InRange(r.PeakMemoryBytes, 20L << 20, 4L << 30));
        Assert.Equal(original, File.ReadAllText(second));

        NotebookDocument copy = Copy("01");
        Assert.Equal([1, null, 2], copy.Cells.Where(c => c.IsCode).Select(c => c.ExecutionCount));
        Assert.Equal("hello\n", NotebookCell.Joined(copy.Cells[1].Outputs[0]!["text"]));
        Assert.Contains("read me", Copy("02").Cells[0].Outputs[0]!.ToJsonString());

        JsonNode stamp = copy.Metadata[RunStamp.Key]!;
        Assert.Equal("ok", stamp["result"]!.GetValue<string>());
        Assert.Equal(Environment.ProcessorCount, stamp["cores"]!.GetValue<int>());
        Assert.Equal("0.107.0", stamp["packages"]!["TorchSharp"]!.GetValue<string>());
        Assert.True(File.Exists(Path.Combine(Output, "report", "01.html")));
        Assert.Contains("01: cell 2 of 2 done", printed.ToString());
        Assert.Contains("peak memory", printed.ToString());
    }

    [Fact]
    public async Task A_notebook_is_fresh_after_its_run_and_stale_after_any_change()
    {
        folder.Write("01.ipynb", Notebook.Text(Notebook.Markdown("prose"), Notebook.Code("1 + 1")));
        Assert.Contains("never run", StaleCheck.Problem(NotebookDocument.Load(Path.Combine(folder.Path, "01.ipynb"))));
        await Run();
        string fresh = File.ReadAllText(Path.Combine(Output, "notebooks", "01.ipynb"));
        Assert.Null(StaleCheck.Problem(NotebookDocument.Parse(fresh, "01.ipynb")));
        Assert.Equal("its code has changed since it was run", StaleCheck.Problem(NotebookDocument.Parse(fresh.Replace("1 + 1", "1 + 2"), "01.ipynb")));
        Assert.Equal("its prose has changed since it was run", StaleCheck.Problem(NotebookDocument.Parse(fresh.Replace("prose", "other prose"), "01.ipynb")));
        Assert.Contains("public API", StaleCheck.Problem(NotebookDocument.Parse(fresh.Replace(SourceHash.OfApi, "0"), "01.ipynb")));
        NotebookResult read = RunStamp.Read(NotebookDocument.Parse(fresh, "01.ipynb"));
        Assert.Equal((1, 1, true), (read.Cells, read.Executed, read.Succeeded));
        Assert.InRange(read.Seconds, 0.1, 600);

        using var printed = new StringWriter();
        File.WriteAllText(Path.Combine(folder.Path, "01.ipynb"), fresh);
        Assert.True(StaleCheck.Run([Path.Combine(folder.Path, "01.ipynb")], printed));
        folder.Write("02.ipynb", Notebook.Text(Notebook.Code("1")));
        Assert.False(StaleCheck.Run([Path.Combine(folder.Path, "01.ipynb"), Path.Combine(folder.Path, "02.ipynb")], printed));
        Assert.Contains("02.ipynb: stale", printed.ToString());
    }

    [Fact]
    public void The_public_API_alone_makes_its_fingerprint()
    {
        Assert.Equal(16, SourceHash.OfApi.Length);
        Assert.NotEqual(SourceHash.Of([typeof(UnetResnet.Runtime.TorchRuntime).Assembly]), SourceHash.Of([typeof(UnetResnet.Notebooks.Expect).Assembly]));
        Assert.Equal(SourceHash.Of([typeof(UnetResnet.Runtime.TorchRuntime).Assembly]), SourceHash.Of([typeof(UnetResnet.Runtime.TorchRuntime).Assembly]));
    }

    [Fact]
    public async Task The_run_stops_at_the_first_failing_cell_and_tells_where()
    {
        string failing = folder.Write("01-fails.ipynb", Notebook.Text(
            Notebook.Markdown("prose"), Notebook.Code("int x = 0;"), Notebook.Code("// divide\nConsole.Write(1 / x);"), Notebook.Code("Console.Write(\"never\");")));
        folder.Write("02-later.ipynb", Notebook.Text(Notebook.Code("1")));
        string original = File.ReadAllText(failing);

        NotebookResult result = Assert.Single(await Run(Options with { InPlace = true, Jobs = 1 }));

        Assert.Equal((2, 2, "System.DivideByZeroException"), (result.Failure!.Cell, result.Failure.Line, result.Failure.Name));
        Assert.Equal((3, 2), (result.Cells, result.Executed));
        string text = printed.ToString();
        Assert.Contains("01-fails, cell 2, line 2", text);
        Assert.Contains("Console.Write(1 / x);", text);
        Assert.Contains("System.DivideByZeroException: Attempted to divide by zero.", text);
        Assert.Contains("not run", text);
        NotebookDocument copy = Copy("01-fails");
        Assert.Equal("error", copy.Cells[2].Outputs[0]!["output_type"]!.GetValue<string>());
        Assert.Null(copy.Cells[3].ExecutionCount);
        Assert.Contains("This run failed", File.ReadAllText(Path.Combine(Output, "report", "01-fails.html")));
        Assert.Equal(original, File.ReadAllText(failing));
    }

    [Fact]
    public async Task Notebooks_that_run_at_a_time_share_the_cores()
    {
        // Each waits for what the other one writes.
        string Meet(string own, string other) =>
            $"File.WriteAllText(\"{own}\", \"\");\nwhile (!File.Exists(\"{other}\")) await Task.Delay(10);\nConsole.Write(Environment.GetEnvironmentVariable(\"OMP_NUM_THREADS\"));";
        folder.Write("1.ipynb", Notebook.Text(Notebook.Code(Meet("a", "b"))));
        folder.Write("2.ipynb", Notebook.Text(Notebook.Code(Meet("b", "a"))));
        IReadOnlyList<NotebookResult> results = await Run(Options with { Jobs = 2, CellTimeLimit = TimeSpan.FromMinutes(2) });
        Assert.Equal([true, true], results.Select(r => r.Succeeded));
        string threads = Environment.GetEnvironmentVariable("OMP_NUM_THREADS") ?? $"{Math.Max(1, Environment.ProcessorCount / 2)}";
        foreach (string name in (string[])["1", "2"]) Assert.Equal(threads, NotebookCell.Joined(Copy(name).Cells[0].Outputs[0]!["text"]));
        Assert.Contains("2 of 2 notebooks in ", printed.ToString());
        Assert.Contains(", 2 at a time.", printed.ToString());
    }

    [Trait("Category", "Reliability")]
    [Fact]
    public async Task Exit_codes_tell_success_a_failed_notebook_wrong_arguments_a_time_limit_and_trouble_with_the_machine_apart()
    {
        string good = folder.Write("good.ipynb", Notebook.Text(Notebook.Code("1")));
        string bad = folder.Write("bad.ipynb", Notebook.Text(Notebook.Code("missing")));
        string slow = folder.Write("slow.ipynb", Notebook.Text(Notebook.Code("while (true) { }")));
        string file = folder.Write("file", "");
        Task<int> Lab(params string[] arguments) => RunCommand.Create().Parse(["--output", Output, .. arguments]).InvokeAsync();
        Assert.Equal(0, await Lab(good));
        Assert.Equal(1, await Lab(bad));
        Assert.Equal(2, await Lab(good, "--timeout", "0"));
        Assert.Equal(2, await Lab(good, "--jobs", "0"));
        Assert.Equal(2, await Lab("no-such-notebook"));
        Assert.Equal(3, await Lab(slow, "--timeout", "1"));
        Assert.Equal(4, await RunCommand.Create().Parse([good, "--output", Path.Combine(file, "below")]).InvokeAsync());
    }

    [Trait("Category", "Reliability")]
    [Fact]
    public void An_unknown_option_has_the_exit_code_of_wrong_arguments_and_help_lists_them()
    {
        (int Code, string Output) Lab(params string[] arguments)
        {
            using Process lab = Process.Start(new ProcessStartInfo("dotnet", [typeof(RunCommand).Assembly.Location, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            Task<string> errors = lab.StandardError.ReadToEndAsync();
            string output = lab.StandardOutput.ReadToEnd();
            lab.WaitForExit();
            return (lab.ExitCode, output + errors.Result);
        }

        (int code, string text) = Lab("run", "--unheard-of");
        Assert.Equal(RunExitCode.BadUsage, code);
        Assert.Contains("--unheard-of", text);
        (code, text) = Lab("bench", "collapse", "--preset", "foo");
        Assert.Equal(RunExitCode.BadUsage, code);
        Assert.Contains("'foo'", text);
        Assert.DoesNotContain("   at ", text);
        (code, text) = Lab("run", "--help");
        Assert.Equal(0, code);
        string words = string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)); // lines are wrapped
        Assert.Contains(RunExitCode.Help, words);
        string documented = File.ReadAllText(Path.Combine(Repository.FindRoot(), "docs", "lab.md"));
        foreach (int listed in (int[])[RunExitCode.Success, RunExitCode.NotebookFailed, RunExitCode.BadUsage, RunExitCode.TimeLimit, RunExitCode.MachineTrouble, RunExitCode.Interrupted, RunExitCode.Terminated]) Assert.Contains($"\n| {listed} | ", documented);
    }

    [Trait("Category", "Reliability")]
    [Fact]
    public async Task Keep_going_runs_what_comes_after_a_failure_and_the_first_failure_decides()
    {
        folder.Write("1.ipynb", Notebook.Text(Notebook.Code("1")));
        folder.Write("2.ipynb", Notebook.Text(Notebook.Code("while (true) { }")));
        folder.Write("3.ipynb", Notebook.Text(Notebook.Code("missing")));
        RunResult run = await RunWhole(Options with { KeepGoing = true, CellTimeLimit = TimeSpan.FromSeconds(5) });
        Assert.Equal([null, "TimeLimitExceeded", "CompilationError"], run.Results.Select(r => r.Failure?.Name));
        Assert.Equal(RunExitCode.TimeLimit, run.ExitCode);
        Assert.Contains("time limit in cell 1", printed.ToString());
        Assert.True(File.Exists(Path.Combine(Output, "report", "3.html")));
    }

    [Trait("Category", "Reliability")]
    [Fact]
    public async Task The_summary_is_printed_even_if_the_report_cannot_be_written()
    {
        folder.Write("good.ipynb", Notebook.Text(Notebook.Code("1")));
        folder.Write("out/report", "a file in the folder's place");
        RunResult run = await RunWhole();
        Assert.True(Assert.Single(run.Results).Succeeded);
        Assert.Equal(RunExitCode.MachineTrouble, run.ExitCode);
        Assert.Contains("peak memory", printed.ToString());
        Assert.Contains("The report could not be written: ", printed.ToString());
        Assert.Equal(1, Copy("good").Cells[0].ExecutionCount);
    }

    /// <summary>Folders in the places of two of its files, so that it fails in the middle.</summary>
    [Trait("Category", "Reliability")]
    [Theory]
    [InlineData("good.html")]
    [InlineData("report.css")]
    [InlineData("index.html")]
    public async Task Wherever_the_report_breaks_off_the_summary_stands_before_its_reason(string file)
    {
        folder.Write("good.ipynb", Notebook.Text(Notebook.Code("1")));
        Directory.CreateDirectory(Path.Combine(Output, "report", file, "in the way"));
        RunResult run = await RunWhole();
        Assert.Equal((RunExitCode.MachineTrouble, null), (run.ExitCode, run.Report));
        string text = printed.ToString();
        Assert.InRange(text.IndexOf("The report could not be written: ", StringComparison.Ordinal), text.IndexOf("1 of 1 notebooks in ", StringComparison.Ordinal) + 1, text.Length);
        Assert.EndsWith("Give another folder with --output.", text.TrimEnd());
    }

    [Trait("Category", "Reliability")]
    [Fact]
    public async Task A_copy_that_cannot_be_written_is_named()
    {
        folder.Write("good.ipynb", Notebook.Text(Notebook.Code("1")));
        Directory.CreateDirectory(Path.Combine(Output, "notebooks", "good.ipynb"));
        RunResult run = await RunWhole();
        Assert.Contains(Path.Combine(Output, "notebooks", "good.ipynb") + " could not be written", Assert.Single(run.Results).Failure!.Message);
        Assert.Equal(RunExitCode.MachineTrouble, run.ExitCode);
        Assert.Contains("machine trouble", printed.ToString());
    }

    [Fact]
    public async Task Tags_skip_cells_and_allow_exceptions()
    {
        folder.Write("tags.ipynb", Notebook.Text(
            Notebook.Code("throw new Exception(\"never run\");", "skip-execution"),
            Notebook.Code("throw new Exception(\"allowed\");", "raises-exception"),
            Notebook.Code("2 + 3")));
        NotebookResult result = Assert.Single(await Run());
        Assert.True(result.Succeeded);
        Assert.Equal((2, 2, 1), (result.Cells, result.Executed, result.Skipped));
        NotebookDocument copy = Copy("tags");
        Assert.Null(copy.Cells[0].ExecutionCount);
        Assert.Equal("allowed", copy.Cells[1].Outputs[0]!["evalue"]!.GetValue<string>());
        Assert.Contains("5", copy.Cells[2].Outputs[0]!.ToJsonString());
    }

    [Fact]
    public async Task A_cell_over_its_time_limit_fails_even_where_exceptions_are_allowed()
    {
        folder.Write("slow.ipynb", Notebook.Text(Notebook.Code("while (true) { }", "raises-exception")));
        NotebookResult result = Assert.Single(await Run(Options with { CellTimeLimit = TimeSpan.FromSeconds(1) }));
        Assert.Equal(("TimeLimitExceeded", 1), (result.Failure!.Name, result.Failure.Cell));
    }

    [Trait("Category", "Reliability")]
    [Fact]
    public async Task A_broken_notebook_is_named()
    {
        folder.Write("broken.ipynb", "{\"cells\": [");
        NotebookResult result = Assert.Single(await Run());
        Assert.Contains("broken.ipynb: not a notebook", result.Failure!.Message);
        Assert.Contains("broken.ipynb: not a notebook", printed.ToString());
    }

    [Fact]
    public async Task A_notebook_for_another_kernel_does_not_pass()
    {
        folder.Write("python.ipynb", Notebook.Text(Notebook.Code("1")).Replace(".net-csharp", "python3").Replace("\"C#\"", "\"python\""));
        Assert.Contains("python3", Assert.Single(await Run()).Failure!.Message);
    }

    [Fact]
    public async Task A_notebook_none_of_whose_cells_ran_does_not_pass()
    {
        folder.Write("empty.ipynb", Notebook.Text(Notebook.Markdown("prose"), Notebook.Code("1", "skip-execution")));
        Assert.Equal("CellsDidNotRun", Assert.Single(await Run()).Failure!.Name);
    }

    [Fact]
    public void Cells_that_silently_did_not_run_are_noticed()
    {
        NotebookDocument Executed(params int?[] counts) => NotebookDocument.Parse(Notebook.Text([.. counts.Select((count, i) =>
        {
            JsonObject cell = Notebook.Code($"int x{i};");
            cell["execution_count"] = count;
            if (count is not null) cell["metadata"]!["execution"] = new JsonObject();
            return cell;
        })]), "x");
        NotebookDocument original = Executed(null, null);

        Assert.Null(RunCheck.Verify(original, Executed(1, 2)));
        Assert.Equal(2, RunCheck.Verify(original, Executed(1, null))!.Cell);
        Assert.Equal(2, RunCheck.Verify(original, Executed(2, 1))!.Cell);
        Assert.Contains("3 code cells", RunCheck.Verify(original, Executed(1, 2, 3))!.Message);
    }

    [Fact]
    public async Task In_place_writes_the_outputs_back()
    {
        string path = folder.Write("kept.ipynb", Notebook.Text(Notebook.Code("6 * 7")));
        await Run(Options with { InPlace = true });
        Assert.Equal(File.ReadAllText(Path.Combine(Output, "notebooks", "kept.ipynb")), File.ReadAllText(path));
        Assert.Contains("42", File.ReadAllText(path));
    }

    [Fact]
    public void Notebooks_are_found_by_the_beginning_of_their_names()
    {
        string first = folder.Write("01-question.ipynb", "");
        string second = folder.Write("02-cure.ipynb", "");
        Assert.Equal([first, second], Options.FindNotebooks());
        Assert.Equal([second], (Options with { Notebooks = ["02"] }).FindNotebooks());
        Assert.Equal([first], (Options with { Notebooks = [first] }).FindNotebooks());
        Assert.Contains("write more of the name", Assert.Throws<ArgumentException>(() => (Options with { Notebooks = ["0"] }).FindNotebooks()).Message);
        Assert.Contains("no notebook 9", Assert.Throws<ArgumentException>(() => (Options with { Notebooks = ["9"] }).FindNotebooks()).Message);
        string twin = folder.Write("sub/01-question.ipynb", "");
        Assert.Contains("overwrite each other", Assert.Throws<ArgumentException>(() => (Options with { Notebooks = [first, twin] }).FindNotebooks()).Message);
        Assert.Contains("no notebook (*.ipynb)", Assert.Throws<ArgumentException>(() => (Options with { NotebookFolder = Output }).FindNotebooks()).Message);
    }
}
