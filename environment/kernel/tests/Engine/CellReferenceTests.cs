using UnetResnet.Training;

namespace Cellar.Tests.Engine;

/// <summary>What <c>#r</c>, <c>#load</c> and <c>#!import</c> bring into a notebook.</summary>
public sealed class CellReferenceTests : EngineTest
{
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
}
