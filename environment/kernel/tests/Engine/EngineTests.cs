using Cellar.Engine;
using Microsoft.DotNet.Interactive.Formatting;
using UnetResnet.Training;

namespace Cellar.Tests.Engine;

public sealed class EngineTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly NotebookEngine engine;
    private readonly List<CellOutput> outputs = [];

    public EngineTests() => engine = new NotebookEngine(folder.Path);

    public void Dispose()
    {
        engine.Dispose();
        folder.Dispose();
    }

    private async Task<CellResult> Run(string code, double? limit = null, CancellationToken interrupt = default)
    {
        outputs.Clear();
        return await engine.ExecuteAsync(code, $"cell {engine.ExecutionCount + 1}", outputs.Add, limit is { } s ? TimeSpan.FromSeconds(s) : null, interrupt);
    }

    private async Task Succeeds(string code)
    {
        CellResult result = await Run(code);
        Assert.True(result.Succeeded, string.Join('\n', result.Error?.Traceback ?? []));
    }

    private async Task<CellError> Fails(string code)
    {
        CellError? error = (await Run(code)).Error;
        Assert.NotNull(error);
        Assert.Equal(error, Assert.IsType<ErrorOutput>(outputs[^1]).Error);
        return error;
    }

    private string Printed(string stream = "stdout") => string.Concat(outputs.OfType<StreamOutput>().Where(o => o.Name == stream).Select(o => o.Text));

    private string? Result(string mimeType = "text/plain") => outputs.OfType<ResultOutput>().SingleOrDefault()?.Data[mimeType]?.ToString();

    [Fact]
    public async Task The_last_expression_without_semicolon_is_the_result()
    {
        await Succeeds("var x = 20;\nx * 2 + 2");
        Assert.Contains("42", Result("text/html"));
        await Succeeds("x++;");
        Assert.Empty(outputs);
        await Succeeds("Console.Write(x)");
        Assert.Equal("21", Printed());
        Assert.Null(Result());
    }

    [Fact]
    public async Task A_failing_cell_is_counted_like_any_other()
    {
        await Fails("throw new FormatException();");
        Assert.Equal(1, engine.ExecutionCount);
        await Fails("missing;");
        Assert.Equal(2, engine.ExecutionCount);
        await Succeeds("6 * 7");
        Assert.Equal(3, Assert.Single(outputs.OfType<ResultOutput>()).ExecutionCount);
    }

    [Fact]
    public async Task A_null_result_is_shown_but_no_result_is_not()
    {
        await Succeeds("(string?)null");
        Assert.Equal(Formatter.NullString, Result());
        await Succeeds("string? nothing = null;");
        Assert.Empty(outputs);
    }

    [Fact]
    public async Task Await_stands_at_the_top_level()
    {
        await Succeeds("await Task.Delay(5);\nint value = await Task.FromResult(7);\nvalue");
        Assert.Contains("7", Result("text/html"));
    }

    [Fact]
    public async Task Names_can_be_declared_again_and_methods_and_classes_live_on()
    {
        await Succeeds("int x = 1; record Point(int X); int Twice(int n) => 2 * n;");
        await Succeeds("string x = \"now text\"; var p = new Point(Twice(4));");
        await Succeeds("Console.Write($\"{x} {p.X}\");");
        Assert.Equal("now text 8", Printed());
    }

    [Fact]
    public async Task Usings_of_earlier_cells_hold()
    {
        await Succeeds("using System.Globalization;");
        await Succeeds("Console.Write(CultureInfo.InvariantCulture.Name.Length)");
        Assert.Equal("0", Printed());
    }

    [Fact]
    public async Task Outputs_come_in_the_order_of_the_calls()
    {
        await Succeeds("""
            Console.WriteLine("one");
            display(HTML("<b>two</b>"));
            Console.Error.WriteLine("three");
            "four".Display();
            await Task.Run(() => Console.WriteLine("five"));
            HTML("<i>six</i>")
            """);
        Assert.Collection(
            outputs,
            o => Assert.Equal(new StreamOutput("stdout", "one\n"), o),
            o => Assert.Equal("<b>two</b>", Assert.IsType<DisplayOutput>(o).Data["text/html"]!.ToString()),
            o => Assert.Equal(new StreamOutput("stderr", "three\n"), o),
            o => Assert.Equal("four", Assert.IsType<DisplayOutput>(o).Data["text/plain"]!.ToString()),
            o => Assert.Equal(new StreamOutput("stdout", "five\n"), o),
            o => Assert.Equal("<i>six</i>", Assert.IsType<ResultOutput>(o).Data["text/html"]!.ToString()));
    }

    [Fact]
    public async Task Outputs_arrive_while_the_cell_still_runs()
    {
        var first = new TaskCompletionSource();
        using var stop = new CancellationTokenSource();
        Task<CellResult> cell = engine.ExecuteAsync("Console.WriteLine(1); await Task.Delay(60_000);", "cell 1", _ => first.TrySetResult(), interrupt: stop.Token);
        await first.Task.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.False(cell.IsCompleted);
        await stop.CancelAsync();
        Assert.Equal("Interrupted", (await cell).Error?.Name);
    }

    [Fact]
    public async Task A_display_can_be_updated_by_a_later_cell()
    {
        await Succeeds("var shown = display(\"before\");");
        string id = Assert.IsType<DisplayOutput>(Assert.Single(outputs)).DisplayId;
        await Succeeds("shown.Update(\"after\")");
        var update = Assert.IsType<DisplayUpdate>(Assert.Single(outputs));
        Assert.Equal(id, update.DisplayId);
        Assert.Equal("after", update.Data["text/plain"]!.ToString());
    }

    [Fact]
    public async Task Every_preferred_mime_type_of_a_type_is_given_and_json_is_json()
    {
        await Succeeds("""
            record Chart(int[] Y);
            Formatter.Register<Chart>(c => $"{{\"y\":[{string.Join(',', c.Y)}]}}", "application/vnd.chart+json");
            Formatter.Register<Chart>(c => $"chart of {c.Y.Length}", "text/plain");
            Formatter.SetPreferredMimeTypesFor(typeof(Chart), "application/vnd.chart+json", "text/plain");
            new Chart([1, 2])
            """);
        var data = Assert.Single(outputs.OfType<ResultOutput>()).Data;
        Assert.Equal(["application/vnd.chart+json", "text/plain"], data.Select(d => d.Key));
        Assert.Equal(2, data["application/vnd.chart+json"]!["y"]![1]!.GetValue<int>());
        Assert.Equal("chart of 2", Result());
    }

    [Fact]
    public async Task A_reference_to_a_copy_of_a_loaded_assembly_binds_to_the_loaded_one()
    {
        string own = typeof(TrainingHistory).Assembly.Location;
        File.Copy(own, Path.Combine(folder.Path, Path.GetFileName(own)));
        await Succeeds("""
            #r "UnetResnet.Helpers.dll"
            var history = new UnetResnet.Training.TrainingHistory();
            Console.Write(history.GetType().Assembly.Location);
            """);
        Assert.Equal(own, Printed());
        Assert.DoesNotContain(AppDomain.CurrentDomain.GetAssemblies(), a => !a.IsDynamic && a.Location.StartsWith(folder.Path, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_package_of_this_program_can_be_named()
    {
        await Succeeds("#r \"nuget: TorchSharp-cpu, 0.107.0\"\nConsole.Write(TorchSharp.torch.ones(2, 3).sum().item<float>());");
        Assert.Equal("6", Printed());
        Assert.Single(outputs);
    }

    [Fact]
    public async Task A_reference_added_late_leaves_earlier_names_unambiguous()
    {
        // lab itself depends on Plotly.NET: seen with and without it, the compiler must not take lab for two assemblies.
        await Succeeds("#r \"nuget: UnetResnet.Helpers\"\nvar history = new UnetResnet.Training.TrainingHistory(); var shown = display(1);");
        await Succeeds("#r \"nuget: Plotly.NET\"\n#r \"nuget: Plotly.NET.CSharp\"");
        await Succeeds("#r \"nuget: TorchSharp\"");
        await Succeeds("HTML(\"x\").Display(); shown.Update(2); UnetResnet.Training.TrainingHistory same = history; DisplayedValue handle = shown;");
    }

    [Fact]
    public async Task Load_and_import_are_relative_to_the_notebook()
    {
        folder.Write("tools.csx", "int Triple(int n) => 3 * n;");
        folder.Write("parts/setup.ipynb", Notebook.Text(Notebook.Code("int fromNotebook = 5;"), Notebook.Markdown("prose"), Notebook.Code("fromNotebook++;")));
        folder.Write("setup.dib", "#!meta\n{}\n#!csharp\nint fromDib = 2;\n#!markdown\nint nonsense");
        folder.Write("Tool.cs", "class Tool { public int Value => 1; }");
        await Succeeds("#load \"tools.csx\"\nConsole.Write(Triple(2));");
        Assert.Equal("6", Printed());
        await Succeeds("#!import \"parts/setup.ipynb\"\n#!import setup.dib\n#!import \"Tool.cs\"\nConsole.Write(fromNotebook + fromDib + new Tool().Value);");
        Assert.Equal("9", Printed());
    }

    [Fact]
    public async Task A_failing_import_fails_the_cell()
    {
        folder.Write("broken.ipynb", Notebook.Text(Notebook.Code("int fine = 1;"), Notebook.Code("\nthrow new InvalidOperationException(\"inside\");")));
        CellError error = await Fails("int before = 1;\n#!import \"broken.ipynb\"\nConsole.Write(\"not reached\");");
        Assert.Contains("broken.ipynb cell 2, line 2", error.Message);
        Assert.Contains("inside", error.Message);
        Assert.Equal(2, error.Line);
        Assert.Equal("", Printed());

        Assert.Contains("no file", (await Fails("#!import \"absent.ipynb\"")).Message);
        Assert.Contains(".ipynb, .dib, .cs or .csx", (await Fails("#!import \"table.csv\"")).Message);
        folder.Write("self.csx", "#!import self.csx");
        Assert.Contains("imports itself", (await Fails("#!import self.csx")).Message);
    }

    [Fact]
    public async Task A_compile_error_shows_the_line_and_a_caret()
    {
        CellError error = await Fails("int a = 1;\n\n  int b = missing + a;");
        Assert.Equal("CompilationError", error.Name);
        Assert.Contains("CS0103", error.Message);
        Assert.Equal(("cell 1", 3, "  int b = missing + a;"), (error.Place, error.Line, error.SourceLine));
        Assert.Equal("cell 1 (3,11): error CS0103: The name 'missing' does not exist in the current context", error.Traceback[0]);
        Assert.Equal("      int b = missing + a;", error.Traceback[1]);
        Assert.Equal("              ^~~~~~~", error.Traceback[2]);
        await Succeeds("int stillAlive = 1;");
    }

    [Fact]
    public async Task Lines_below_a_magic_command_keep_their_numbers()
    {
        Assert.Equal(3, (await Fails("#!time\n\nmissing();")).Line);
        Assert.Equal(4, (await Fails("#!time\n#!csharp\nint x = 0;\nthrow new Exception(\"here\");")).Line);
    }

    [Fact]
    public async Task A_runtime_error_shows_the_line_that_threw_even_in_a_method_of_an_earlier_cell()
    {
        await Succeeds("int Divide(int a, int b)\n{\n    return a / b;\n}");
        CellError error = await Fails("int kept = 3;\nConsole.WriteLine(\"before\");\nDivide(1, 0);");
        Assert.Equal("System.DivideByZeroException", error.Name);
        Assert.Equal(("cell 1", 3, "    return a / b;"), (error.Place, error.Line, error.SourceLine));
        Assert.Contains(error.Traceback, line => line.Contains("cell 2:line 3"));
        Assert.DoesNotContain(error.Traceback, line => line.Contains("Microsoft.CodeAnalysis") || line.Contains("Submission#") || line.Contains("MoveNext"));

        await Succeeds("kept");
        Assert.Contains("3", Result("text/html"));
    }

    [Fact]
    public async Task An_error_after_await_shows_its_line_and_its_inner_exception()
    {
        CellError error = await Fails("await Task.Yield();\n\nthrow new InvalidOperationException(\"outer\", new FormatException(\"inner\"));");
        Assert.Equal(3, error.Line);
        Assert.Contains(error.Traceback, line => line == "caused by System.FormatException: inner");
    }

    [Theory]
    [InlineData("while (true) { }")]
    [InlineData("await Task.Delay(60_000);")]
    [InlineData("System.Threading.Thread.Sleep(60_000);")]
    [InlineData("while (true) { try { System.Threading.Thread.Sleep(1000); } catch (Exception) { } }")]
    public async Task A_cell_over_its_time_limit_is_stopped_and_the_state_survives(string code)
    {
        await Succeeds("int before = 12;");
        CellResult result = await Run(code, limit: 0.5);
        Assert.Equal("TimeLimitExceeded", result.Error?.Name);
        Assert.Contains("0.5 s", result.Error!.Message);
        Assert.InRange(result.Elapsed.TotalSeconds, 0.4, 10);
        await Succeeds("Console.Write(before)");
        Assert.Equal("12", Printed());
    }

    [Fact]
    public async Task A_native_call_cannot_be_cut_and_the_engine_says_so()
    {
        if (OperatingSystem.IsWindows()) return; // read is libc's
        using var impatient = new NotebookEngine(folder.Path, grace: TimeSpan.FromSeconds(0.1));
        // Waits inside libc for a byte that nobody writes.
        const string setup = """
            using System.IO.Pipes;
            using System.Runtime.InteropServices;
            [DllImport("libc")] static extern nint read(nint file, byte[] buffer, nint count);
            var pipe = new AnonymousPipeServerStream(PipeDirection.In);
            nint end = pipe.SafePipeHandle.DangerousGetHandle();
            """;
        Assert.Null((await impatient.ExecuteAsync(setup, "cell 1", _ => { })).Error);
        CellResult result = await impatient.ExecuteAsync("read(end, new byte[1], 1);", "cell 2", _ => { }, TimeSpan.FromSeconds(1));
        Assert.Equal("TimeLimitExceeded", result.Error?.Name);
        Assert.Contains("native call", result.Error!.Message);
        Assert.Contains("restart", (await impatient.ExecuteAsync("1", "cell 3", _ => { })).Error?.Message);
    }

    [Fact]
    public async Task An_interrupt_stops_the_cell()
    {
        using var stop = new CancellationTokenSource();
        outputs.Clear();
        Task<CellResult> cell = engine.ExecuteAsync(
            "Console.WriteLine(1); while (true) { }", "cell 1", _ => stop.CancelAfter(100), interrupt: stop.Token);
        Assert.Equal("Interrupted", (await cell).Error?.Name);
    }

    [Fact]
    public async Task A_cell_that_prints_is_stopped_there_and_need_not_be_cut()
    {
        using var stop = new CancellationTokenSource();
        bool armed = false;
        const string code = "try { while (true) Console.WriteLine(1); } finally { System.IO.File.WriteAllText(\"stopped.txt\", \"in order\"); }";
        Assert.Equal("Interrupted", (await engine.ExecuteAsync(code.Replace("stopped.txt", folder["stopped.txt"]), "cell 1", _ => Arm(), interrupt: stop.Token)).Error?.Name);
        Assert.Equal("in order", File.ReadAllText(folder["stopped.txt"]));
        await Succeeds("Console.Write(2)");
        Assert.Equal("2", Printed());

        void Arm()
        {
            if (!armed) stop.CancelAfter(50);
            armed = true;
        }
    }

    /// <summary>A loop without checkpoints stands for a long call into .NET.</summary>
    [Fact]
    public async Task A_thread_is_cut_only_after_a_second_interrupt_and_three_seconds_and_the_cell_says_what_that_means()
    {
        using var deaf = new NotebookEngine(folder.Path, grace: TimeSpan.FromMinutes(5)) { Checkpoints = false };
        Assert.Null((await deaf.ExecuteAsync("int kept = 3;", "cell 1", _ => { })).Error);
        using var stop = new CancellationTokenSource();
        var started = new TaskCompletionSource();
        Task<CellResult> cell = deaf.ExecuteAsync("Console.WriteLine(1); while (true) { }", "cell 2", _ => started.TrySetResult(), interrupt: stop.Token);
        await started.Task;
        deaf.Insist(); // a second request before the first is none
        await stop.CancelAsync();
        Assert.NotSame(cell, await Task.WhenAny(cell, Task.Delay(3500)));
        deaf.Insist();
        CellResult result = await cell.WaitAsync(TimeSpan.FromMinutes(2));
        Assert.Equal("Interrupted", result.Error?.Name);
        Assert.Contains("the process may be unstable; restart when you can", result.Error!.Message);
        Assert.Null((await deaf.ExecuteAsync("if (kept != 3) throw new Exception();", "cell 3", _ => { })).Error);
    }

    [Fact]
    public async Task An_unknown_magic_command_fails_with_the_nearest_known_one()
    {
        CellError error = await Fails("int x = 1;\n#!imprt \"file.ipynb\"");
        Assert.Equal("UnknownMagicCommand", error.Name);
        Assert.Contains("did you mean #!import?", error.Message);
        Assert.Equal(2, error.Line);
        Assert.DoesNotContain("did you mean", (await Fails("#!fsharpinteractive")).Message);
    }

    [Fact]
    public async Task A_hash_and_bang_inside_a_string_or_comment_is_no_magic_command()
    {
        await Succeeds("Console.Write(@\"\n#!nonsense\n\");\n/*\n#!nonsense\n*/");
        Assert.Equal("\n#!nonsense\n", Printed());
    }

    [Fact]
    public async Task Other_languages_are_shown()
    {
        await Succeeds("#!markdown\n# Title\n#!html\n<p>text</p>\n#!csharp\nConsole.Write(1);");
        Assert.Equal("# Title", Assert.IsType<DisplayOutput>(outputs[0]).Data["text/markdown"]!.ToString());
        Assert.Equal("<p>text</p>", Assert.IsType<DisplayOutput>(outputs[1]).Data["text/html"]!.ToString());
        Assert.Equal("1", Printed());
    }

    [Fact]
    public async Task Time_and_variables_are_shown_on_demand()
    {
        await Succeeds("#!time\nint answer = 42;");
        Assert.Contains("Wall time:", Assert.IsType<DisplayOutput>(Assert.Single(outputs)).Data["text/plain"]!.ToString());
        await Succeeds("#!whos");
        Assert.Matches("answer +Int32 +42", Printed());
        await Succeeds("#!who");
        Assert.Equal("answer\n", Printed());
    }

    [Fact]
    public async Task Text_is_shown_as_the_type_it_is_said_to_be()
    {
        await Succeeds("var shown = \"<b>x</b>\".DisplayAs(\"text/html\"); \"{\\\"a\\\":1}\".DisplayAs(\"application/json\"); Javascript(\"go()\");");
        Assert.Equal("<b>x</b>", Assert.IsType<DisplayOutput>(outputs[0]).Data["text/html"]!.ToString());
        Assert.Equal(1, Assert.IsType<DisplayOutput>(outputs[1]).Data["application/json"]!["a"]!.GetValue<int>());
        Assert.Contains("<script", Assert.IsType<DisplayOutput>(outputs[2]).Data["text/html"]!.ToString());
    }

    [Fact]
    public async Task A_second_engine_knows_nothing_of_the_first()
    {
        await Succeeds("int onlyHere = 1;");
        using var other = new NotebookEngine(folder.Path);
        Assert.Contains("CS0103", (await other.ExecuteAsync("onlyHere", "cell 1", _ => { })).Error?.Message);
    }
}
