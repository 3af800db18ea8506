using Cellar.Engine;

namespace Cellar.Tests.Engine;

/// <summary>What a failing cell says, and where.</summary>
public sealed class CellErrorTests : EngineTest
{
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
}
