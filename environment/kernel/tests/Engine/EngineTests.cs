using Cellar.Engine;
using Microsoft.DotNet.Interactive.Formatting;

namespace Cellar.Tests.Engine;

public sealed class EngineTests : EngineTest
{
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
