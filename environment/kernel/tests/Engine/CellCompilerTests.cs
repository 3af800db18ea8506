using System.Text;
using Cellar.Engine;
using Cellar.Packages;
using Microsoft.CodeAnalysis;

namespace Cellar.Tests.Engine;

public sealed class CellCompilerTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly NotebookEngine engine;

    public CellCompilerTests() => engine = new NotebookEngine(folder.Path);

    public void Dispose()
    {
        engine.Dispose();
        folder.Dispose();
    }

    private async Task<string> Prints(string code)
    {
        var outputs = new List<CellOutput>();
        CellResult result = await engine.ExecuteAsync(code, $"cell {engine.ExecutionCount + 1}", outputs.Add);
        Assert.True(result.Succeeded, string.Join('\n', result.Error?.Traceback ?? []));
        return string.Concat(outputs.OfType<StreamOutput>().Select(o => o.Text));
    }

    [Fact]
    public async Task What_is_known_of_references_is_handed_on()
    {
        Assert.True(SharedReferences.Possible, "This version of the compiler names its fields otherwise: small cells take longer and more memory.");
        await Prints("var a = new { X = 1 }; record P(int Y); delegate int F(int n);");
        await Prints("#r \"nuget: TorchSharp\"\nusing TorchSharp;");
        await Prints("var t = torch.ones(2); F twice = n => 2 * n;");
        Assert.Equal("1 2 2 6", await Prints("Console.Write($\"{a.X} {new P(2).Y} {t.numel()} {twice(3)}\"); var b = new { X = 2 };"));
        Assert.Equal("True", await Prints("Console.Write(a.GetType() == b.GetType())"));
        await Prints("#r \"nuget: SkiaSharp\"");
        Assert.Equal("3", await Prints("Console.Write(new SkiaSharp.SKPoint(3, 4).X)"));
    }

    [Fact]
    public void Symbols_hold_lines_and_no_list_of_references()
    {
        var compiler = new CellCompiler(folder.Path, new CellReferenceResolver(folder.Path));
        MetadataReference[] framework = [.. ProgramAssemblies.Current.FrameworkPaths.Select(path => References.ToFile(path))];
        CompiledCell first = compiler.Compile("var x = 1;", "cell 1", null, framework, ["System"], CancellationToken.None);
        CompiledCell second = compiler.Compile("x + 1", "cell 2", first.Compilation, [], [], CancellationToken.None);
        foreach (CompiledCell cell in (CompiledCell[])[first, second])
        {
            string symbols = Encoding.Latin1.GetString(cell.Symbols!.ToArray());
            Assert.Contains("cell", symbols);
            Assert.DoesNotContain("System.Linq.dll", symbols);
            // And the compiler has its list again.
            Assert.NotNull(cell.Compilation.GetMetadataReference(cell.Compilation.GetSpecialType(SpecialType.System_Object).ContainingAssembly));
        }
    }

    [Fact]
    public void What_the_program_runs_on_is_mapped_for_the_compiler_and_what_may_be_built_anew_is_copied()
    {
        if (!OperatingSystem.IsLinux()) return; // there the system tells
        string own = ProgramAssemblies.Current.Find("System.Linq.Expressions")!, other = folder["Other.dll"];
        File.Copy(own, other);
        foreach (string path in (string[])[own, other])
        {
            Assert.Equal(path, References.ToFile(path).FilePath);
            // The runtime's own mapping of an assembly that it runs is private.
            bool mapped = File.ReadLines("/proc/self/maps").Any(line => line.EndsWith(path, StringComparison.Ordinal) && line.Split(' ')[1] == "r--s");
            Assert.Equal(path == own, mapped);
        }
    }

    [Fact]
    public async Task Cells_that_declare_nothing_are_left_out_of_what_the_compiler_looks_through()
    {
        await Prints("int kept = 1;");
        for (int i = 0; i < 40; i++) Assert.Equal("1", await Prints("Console.Write(kept)"));
        await Prints("using System.Globalization;");
        await Prints("kept++");
        await Prints("if (int.TryParse(\"5\", out int read)) kept += read;");
        Assert.Equal("7 5 True", await Prints("Console.Write($\"{kept} {read} {CultureInfo.InvariantCulture.IsReadOnly}\")"));
        Assert.Equal(["kept", "read"], (await Prints("#!who")).Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
    }
}
