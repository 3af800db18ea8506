using System.Diagnostics;
using System.Text.Json.Nodes;
using Cellar.Notebooks;
using Spectre.Console;
using UnetResnet.Lab.Results;
using UnetResnet.Lab.Running;

namespace UnetResnet.Tests.Lab;

/// <summary>What a notebook's process can do to a run: print what it likes, die in every way, leave children behind.</summary>
[Trait("Category", "Reliability")]
public sealed class WorkerTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly StringWriter printed = new();

    public void Dispose() => folder.Dispose();

    private string Output => Path.Combine(folder.Path, "out");

    private async Task<RunResult> Run(params string[] cells)
    {
        folder.Write("n.ipynb", Notebook.Text([.. cells.Select(c => Notebook.Code(c))]));
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(printed), Ansi = AnsiSupport.No, Interactive = InteractionSupport.No });
        return await new NotebookRunner(new RunOptions { NotebookFolder = folder.Path, OutputFolder = Output }, new RunDisplay(console)).RunAsync(CancellationToken.None);
    }

    private NotebookDocument Copy() => NotebookDocument.Load(Path.Combine(Output, "notebooks", "n.ipynb"));

    [Fact]
    public async Task Whatever_is_written_to_the_streams_of_the_process_is_not_taken_for_its_messages()
    {
        const string code = """
            foreach (Stream stream in new[] { Console.OpenStandardOutput(), Console.OpenStandardError() })
            {
                void Write(string text) => stream.Write(System.Text.Encoding.UTF8.GetBytes(text));
                Write("\u001e\n\u001e{\n\u001e{\"Cell\":\"x\"}\n");
                Write("\u001e{\"Cell\":7,\"Index\":7,\"Count\":9,\"Done\":true}\n");
                Write("{\"Result\":{\"Notebook\":\"forged\",\"Cells\":1,\"Executed\":1}}\n\u001e{\"Exiting\":true}\n");
                stream.Write(new byte[] { 0xff, 0xfe, 0, 0x1e, 0x0d, 0x1e, 0xc3 });
                stream.Write(new byte[3_000_000]);
                Write("no end of line");
                stream.Flush();
            }
            """;
        RunResult run = await Run(code, "6 * 7");
        NotebookResult result = Assert.Single(run.Results);
        Assert.Null(result.Failure);
        Assert.Equal(("n", 2, 2, 0), (result.Notebook, result.Cells, result.Executed, run.ExitCode));
        Assert.Contains("42", Copy().Cells[1].Outputs[0]!.ToJsonString());
    }

    /// <summary>The outputs of cells and the runner's messages need none of them.</summary>
    [Fact]
    public async Task A_process_that_closes_its_streams_goes_on()
    {
        if (!OperatingSystem.IsLinux()) return;
        RunResult run = await Run("""
            [System.Runtime.InteropServices.DllImport("libc")] static extern int close(int file);
            foreach (int file in new[] { 0, 1, 2 }) close(file);
            """, "Console.Write(6 * 7);", "1");
        NotebookResult result = Assert.Single(run.Results);
        Assert.Null(result.Failure);
        Assert.Equal((3, 3, 0), (result.Cells, result.Executed, run.ExitCode));
        Assert.Contains("42", Copy().Cells[1].Outputs[0]!.ToJsonString());
    }

    [Theory]
    [InlineData("int Down(int n) => Down(n + 1) + n;\nDown(0)", "StackOverflow", "calls itself", RunExitCode.NotebookFailed)]
    [InlineData("Environment.FailFast(\"enough of it\");", "FailFast", "Environment.FailFast: enough of it.", RunExitCode.NotebookFailed)]
    [InlineData("Environment.Exit(3);", "ProcessExited", "Environment.Exit (exit code 3)", RunExitCode.NotebookFailed)]
    [InlineData("[System.Runtime.InteropServices.DllImport(\"libc\")] static extern nint strlen(nint text);\nstrlen(1)", "NativeCrash", "SIGSEGV", RunExitCode.NotebookFailed)]
    [InlineData("System.Diagnostics.Process.Start(\"kill\", $\"-9 {Environment.ProcessId}\"); Thread.Sleep(100_000);", "ProcessKilled", "SIGKILL", RunExitCode.MachineTrouble)]
    public async Task What_ended_the_process_is_told_and_written_into_its_cell(string code, string name, string words, int exitCode)
    {
        if (OperatingSystem.IsWindows()) return; // no signals
        RunResult run = await Run("int before = 1;\nbefore", code, "2");
        CellFailure failure = Assert.Single(run.Results).Failure!;
        Assert.Equal((name, 2, exitCode), (failure.Name, failure.Cell, run.ExitCode));
        Assert.Contains(words, failure.Message);
        Assert.Contains($"{name}: {failure.Message}", printed.ToString());

        NotebookDocument copy = Copy();
        Assert.Equal(1, copy.Cells[0].ExecutionCount);
        JsonNode error = Assert.Single(copy.Cells[1].Outputs)!;
        Assert.Equal(("error", name, failure.Message), (error["output_type"]!.ToString(), error["ename"]!.ToString(), error["evalue"]!.ToString()));
        Assert.Empty(copy.Cells[2].Outputs);
        Assert.Contains(name, File.ReadAllText(Path.Combine(Output, "report", "n.html")));
    }

    [Fact]
    public async Task The_reason_is_found_in_any_amount_of_other_lines_and_the_first_cells_error_in_a_copy_too()
    {
        const string code = """
            var error = new StreamWriter(Console.OpenStandardError());
            for (int i = 1; i <= 100; i++) error.WriteLine($"before {i}");
            error.Flush();
            int Deep(int n) => n == 0 ? Round() : Deep(n - 1) + n; // a long list of frames after the reason
            int Round() => Deep(60) + 1;
            Deep(3)
            """;
        CellFailure failure = Assert.Single((await Run(code)).Results).Failure!;
        Assert.Equal(("StackOverflow", 1), (failure.Name, failure.Cell));
        Assert.Equal("before 1", failure.Traceback[0]);
        Assert.InRange(failure.Traceback.Count, OutputEnds.Lines + 2, 2 * OutputEnds.Lines + 1);
        string shown = Assert.Single(Copy().Cells[0].Outputs)!["traceback"]!.ToJsonString();
        Assert.Contains("before 20", shown);
        Assert.DoesNotContain("before 21", shown);
    }

    [Theory]
    [InlineData(134, false, false, "Unhandled exception. System.InvalidOperationException: lost", "UnhandledException", "System.InvalidOperationException: lost.")]
    [InlineData(134, false, false, "Fatal error. System.AccessViolationException: Attempted to read", "NativeCrash", "AccessViolationException")]
    [InlineData(134, false, false, "terminate called after throwing an instance of 'c10::Error'", "NativeCrash", "SIGABRT")]
    [InlineData(134, false, false, "Process terminated.", "FailFast", "it gave no reason.")]
    [InlineData(134, false, false, "Process terminated.\nthe reason", "FailFast", "FailFast: the reason.")]
    [InlineData(134, false, false, "Process terminated. the reason", "FailFast", "FailFast: the reason.")]
    [InlineData(134, true, false, "", "ProcessExited", "Environment.Exit (exit code 134)")]
    [InlineData(-1073741571, false, false, "Stack overflow.", "StackOverflow", "calls itself")]
    [InlineData(0, true, false, "Stack overflow.", "ProcessExited", "exit code 0")]
    [InlineData(7, false, false, "", "ProcessExited", "native code called exit")]
    [InlineData(136, false, false, "", "NativeCrash", "SIGFPE")]
    [InlineData(137, false, true, "", "OutOfMemory", "memory ran out")]
    [InlineData(143, true, false, "", "ProcessKilled", "SIGTERM")]
    [InlineData(140, false, false, "", "ProcessKilled", "signal 12")]
    public async Task Deaths_are_told_apart(int exitCode, bool exiting, bool outOfMemory, string line, string name, string words)
    {
        var output = new OutputEnds();
        await output.ReadAsync(new StringReader($"first\n{line}\n   at somewhere\n"));
        CellFailure failure = new WorkerDeath(exitCode, exiting, outOfMemory, output).Explain(4);
        Assert.Equal((name, 4), (failure.Name, failure.Cell));
        Assert.Contains(words, failure.Message);
        Assert.Equal("first", failure.Traceback[0]);
    }

    [Fact]
    public async Task The_first_and_the_last_lines_are_kept()
    {
        var output = new OutputEnds();
        await output.ReadAsync(new StringReader(string.Join("\r\n", Enumerable.Range(1, 100)) + "\nlast\u001e" + new string('x', 5000)));
        Assert.Equal(
            [.. Enumerable.Range(1, 20).Select(i => $"{i}"), "… 61 lines …", .. Enumerable.Range(82, 19).Select(i => $"{i}"), "last\uFFFD" + new string('x', OutputEnds.Width - 5)],
            output.ToList());
    }

    /// <summary>One child stays in the process's group and is ended with it. The other one leaves the group, and still holds the streams: nobody waits for it.</summary>
    [Fact]
    public async Task Children_that_a_notebook_leaves_behind_do_not_keep_the_run()
    {
        if (!OperatingSystem.IsLinux()) return;
        RunResult run = await Run("""
            using System.Diagnostics;
            File.WriteAllText("ids", $"{Process.Start("sleep", "900").Id} {Process.Start("setsid", "sleep 900").Id}");
            """);
        Assert.Equal(0, run.ExitCode);
        int[] ids = [.. File.ReadAllText(Path.Combine(folder.Path, "ids")).Split(' ').Select(int.Parse)];
        Assert.True(await EndsAsync(ids[0]));
        Assert.True(Lives(ids[1]), "the run has waited for the end of a process that does not end");
        Process.GetProcessById(ids[1]).Kill();
    }

    [Theory]
    [InlineData("-KILL", 137)]
    [InlineData("-INT", RunExitCode.Interrupted)]
    [InlineData("-TERM", RunExitCode.Terminated)]
    [InlineData("-HUP", 129)]
    public async Task A_run_that_is_ended_takes_its_processes_along(string signal, int exitCode)
    {
        if (!OperatingSystem.IsLinux()) return;
        string notebook = folder.Write("long.ipynb", Notebook.Text(Notebook.Code("""
            using System.Diagnostics;
            File.WriteAllText("new", $"{Environment.ProcessId} {Process.Start("sleep", "900").Id}");
            File.Move("new", "ids");
            while (true) Thread.Sleep(1000);
            """)));
        // Whoever starts the tests in the background of a script has them ignore SIGINT, and so would lab.
        using Process lab = Process.Start(new ProcessStartInfo("env", ["--default-signal=INT,HUP,TERM", "dotnet", typeof(NotebookRunner).Assembly.Location, "run", notebook, "--output", Output]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> output = lab.StandardOutput.ReadToEndAsync(), errors = lab.StandardError.ReadToEndAsync();
        string file = Path.Combine(folder.Path, "ids");
        while (!File.Exists(file) && !lab.HasExited) await Task.Delay(100);
        Assert.True(File.Exists(file), lab.HasExited ? await output + await errors : "");
        int[] ids = [.. File.ReadAllText(file).Split(' ').Select(int.Parse)];
        Assert.All(ids, id => Assert.True(Lives(id)));
        using (Process kill = Process.Start("kill", [signal, $"{lab.Id}"])) await kill.WaitForExitAsync();
        await lab.WaitForExitAsync();
        Assert.Equal(exitCode, lab.ExitCode);
        foreach (int id in ids) Assert.True(await EndsAsync(id), $"{id} lives on");
    }

    private static async Task<bool> EndsAsync(int id)
    {
        for (int i = 0; i < 600 && Lives(id); i++) await Task.Delay(100);
        return !Lives(id);
    }

    /// <summary>A process that has ended and that nobody has asked after does not live.</summary>
    private static bool Lives(int id)
    {
        try
        {
            string text = File.ReadAllText($"/proc/{id}/stat");
            return text[text.LastIndexOf(')')..] is [_, _, not ('Z' or 'X'), ..];
        }
        catch (IOException)
        {
            return false;
        }
    }
}
