using Cellar.Engine;
using Microsoft.DotNet.Interactive.Formatting;

namespace Cellar.Tests.Packages;

/// <summary><c>#r "nuget: …"</c> with packages that the tests make, from a folder; nothing comes from a network, and NuGet's own cache stays as it is.</summary>
public sealed class PackageTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly string? packagesBefore = Environment.GetEnvironmentVariable("NUGET_PACKAGES");
    private readonly List<CellOutput> outputs = [];
    private NotebookEngine engine;

    public PackageTests()
    {
        Environment.SetEnvironmentVariable("NUGET_PACKAGES", folder["global"]);
        folder.Write("NuGet.Config", "<configuration><packageSources><clear /></packageSources></configuration>");
        engine = NewEngine();
    }

    public void Dispose()
    {
        engine.Dispose();
        Environment.SetEnvironmentVariable("NUGET_PACKAGES", packagesBefore);
        folder.Dispose();
    }

    private NotebookEngine NewEngine() => new(folder.Path, packageCache: folder["cache"]);

    private async Task<CellResult> Run(string code)
    {
        outputs.Clear();
        return await engine.ExecuteAsync(code, $"cell {engine.ExecutionCount + 1}", outputs.Add, TimeSpan.FromMinutes(2));
    }

    private async Task<string> Prints(string code)
    {
        CellResult result = await Run(code);
        Assert.True(result.Succeeded, string.Join('\n', result.Error?.Traceback ?? []));
        return string.Concat(outputs.OfType<StreamOutput>().Select(o => o.Text));
    }

    private async Task<CellError> Fails(string code)
    {
        CellError error = Assert.IsType<CellError>((await Run(code)).Error);
        Assert.Equal("PackageNotRestored", error.Name);
        return error;
    }

    private string Told() => string.Concat(outputs.Select(o => o is DisplayOutput d ? d.Data["text/plain"] : o is DisplayUpdate u ? u.Data["text/plain"] : null).OfType<object>().Select(n => n + "\n"));

    private void Pack(string version = "1.0.0") => LocalPackage.Write(
        folder["source"], "Kit.Greeter", version, $$"""public static class Greeter { public static string Hello => "hello {{version}} and " + Helper.Text; }""" + "\npublic static class Helper { public static string Text => \"more\"; }");

    [Fact]
    public async Task A_package_is_restored_from_a_folder_and_then_remembered()
    {
        Pack();
        Assert.Equal("hello 1.0.0 and more", await Prints("#i \"nuget: source\"\n#r \"nuget: Kit.Greeter, 1.0.0\"\nConsole.Write(Greeter.Hello);"));
        Assert.Contains("Packages: Kit.Greeter 1.0.0", Told());
        Assert.Equal("hello 1.0.0 and more", await Prints("Console.Write(Greeter.Hello);"));
        Assert.Equal("", await Prints("#r \"nuget: Kit.Greeter, 1.0.0\""));
        Assert.Equal("", Told());

        string cached = Assert.Single(Directory.GetFiles(folder["cache"]));
        DateTime written = File.GetLastWriteTimeUtc(cached);
        // A source's address can hold a password.
        if (!OperatingSystem.IsWindows()) Assert.Equal((Rights.OwnersFile, Rights.OwnersFolder), (Rights.Of(cached), Rights.Of(folder["cache"])));
        engine.Dispose();
        engine = NewEngine();
        Assert.Equal("hello 1.0.0 and more", await Prints("#i \"nuget: source\"\n#r \"nuget: Kit.Greeter, 1.0.0\"\nConsole.Write(Greeter.Hello);"));
        Assert.Equal(written, File.GetLastWriteTimeUtc(cached)); // no second restore
    }

    [Trait("Category", "Reliability")]
    [Theory]
    [InlineData("$([System.IO.File]::WriteAllText('touched', 'x'))")]
    [InlineData("100%25 @(Compile)")]
    public async Task A_source_is_a_name_and_nothing_that_MSBuild_expands(string source)
    {
        LocalPackage.Write(folder[source], "Kit.Odd", "1.0.0", "public static class Odd { public static int Nine => 9; }");
        Assert.Equal("9", await Prints($"#i \"nuget: {source}\"\n#r \"nuget: Kit.Odd, 1.0.0\"\nConsole.Write(Odd.Nine);"));
    }

    [Fact]
    public async Task A_package_brings_along_what_it_needs_and_what_the_kernel_has_is_the_kernels()
    {
        LocalPackage.Write(folder["source"], "Plotly.NET", "5.0.0", "public static class Old { }"); // the kernel's is 6.0.0
        LocalPackage.Write(folder["source"], "Kit.Base", "1.0.0", "public class Base { public int Seven => 7; }");
        // Its code reaches the other package by reflection, so that the test can compile it alone.
        LocalPackage.Write(
            folder["source"], "Kit.Top", "2.0.0", """public static class Top { public static object Seven() => System.Type.GetType("Base, Kit.Base")!.GetProperty("Seven")!.GetValue(System.Activator.CreateInstance(System.Type.GetType("Base, Kit.Base")!))!; }""",
            needs: [("Kit.Base", "1.0.0"), ("Plotly.NET", "5.0.0")]);
        Assert.Equal("77", await Prints("#i \"nuget: source\"\n#r \"nuget: Kit.Top\"\nConsole.Write($\"{Top.Seven()}{new Base().Seven}\");"));
        Assert.Equal("6.0.0.0", await Prints("Console.Write(typeof(Plotly.NET.GenericChart).Assembly.GetName().Version);"));

        Assert.Equal("", await Prints("#r \"nuget: Plotly.NET, 5.0.0\""));
        Assert.Contains("Plotly.NET 6.0.0 is part of this kernel and used instead of 5.0.0", Told());
    }

    [Fact]
    public async Task Native_libraries_are_found()
    {
        if (!OperatingSystem.IsLinux()) return; // the library below is Linux's
        string native = new[] { "/lib/x86_64-linux-gnu/libm.so.6", "/lib64/libm.so.6", "/lib/aarch64-linux-gnu/libm.so.6" }.First(File.Exists);
        string rid = System.Runtime.InteropServices.RuntimeInformation.RuntimeIdentifier;
        LocalPackage.Write(
            folder["source"], "Kit.Native", "1.0.0",
            "using System.Runtime.InteropServices; public static class Native { [DllImport(\"kitmath\")] static extern double floor(double x); public static double Floor(double x) => floor(x); }",
            new Dictionary<string, byte[]> { [$"runtimes/{rid}/native/libkitmath.so"] = File.ReadAllBytes(native) });
        Assert.Equal("2", await Prints("#i \"nuget: source\"\n#r \"nuget: Kit.Native, 1.0.0\"\nConsole.Write(Native.Floor(2.7));"));
    }

    [Fact]
    public async Task Formatters_come_with_a_package_by_convention_and_by_its_extension()
    {
        const string code = """
            using Microsoft.DotNet.Interactive.Formatting;
            [TypeFormatterSource(typeof(Source))]
            public class Thing { public string Name => "plain"; }
            public class Source : ITypeFormatterSource
            {
                public System.Collections.Generic.IEnumerable<ITypeFormatter> CreateTypeFormatters() => [new ThingFormatter()];
            }
            public class ThingFormatter : ITypeFormatter
            {
                public string MimeType => "text/html";
                public System.Type Type => typeof(Thing);
                public bool Format(object instance, FormatContext context) { context.Writer.Write("<b>thing</b>"); return true; }
            }
            public class Other { }
            """;
        const string extension = "#!csharp\n\nFormatter.Register<Other>(o => \"<i>other</i>\", \"text/html\");\ndisplay(\"extended\");";
        LocalPackage.Write(
            folder["source"], "Kit.Shown", "1.0.0", code, new Dictionary<string, byte[]> { ["interactive-extensions/dotnet/extension.dib"] = System.Text.Encoding.UTF8.GetBytes(extension) }, [typeof(Formatter)]);
        await Prints("#i \"nuget: source\"\n#r \"nuget: Kit.Shown, 1.0.0\"\nnew Other().Display(); new Thing().Display();");
        Assert.Contains("extended", Told());
        Assert.Equal(["<i>other</i>", "<b>thing</b>"], outputs.OfType<DisplayOutput>().Select(o => o.Data["text/html"]?.ToString()).OfType<string>().TakeLast(2));
    }

    [Fact]
    public async Task What_cannot_be_had_is_one_message_with_the_cure()
    {
        Pack();
        CellError error = await Fails("int x = 1;\n#i \"nuget: source\"\n#r \"nuget: Kit.Greeter, 9.0.0\"");
        Assert.Contains("9.0.0", error.Message);
        Assert.Contains("Ask for a version that exists", error.Message);
        Assert.Equal(3, error.Line);
        error = await Fails("#r \"nuget: Kit.Absent, 1.0.0\"");
        Assert.Contains("Kit.Absent", error.Message);
        Assert.Contains("Check the name", error.Message);
        Assert.Contains("no folder", (await Fails("#i \"nuget: nowhere\"")).Message);
        Assert.Contains("one #i line for each source", (await Fails("#i \"nuget: source;source\"")).Message);
        Assert.Contains("no version", (await Fails("#r \"nuget: Kit.Greeter, <1>\"")).Message);
        Assert.Contains("no name of a package", (await Fails("#r \"nuget: Kit Greeter\"")).Message);
        Assert.Equal("hello 1.0.0 and more", await Prints("#r \"nuget: Kit.Greeter, 1.0.0\"\nConsole.Write(Greeter.Hello);")); // failures leave nothing behind
    }

    [Fact]
    public async Task A_source_out_of_reach_is_named()
    {
        CellError error = await Fails("#i \"nuget: https://127.0.0.1:9/index.json\"\n#r \"nuget: Kit.Greeter, 1.0.0\"");
        Assert.Contains("cannot be reached", error.Message);
        Assert.Contains("127.0.0.1:9", error.Message);
    }

    [Fact]
    public async Task A_second_version_needs_a_restart()
    {
        Pack("1.0.0");
        Pack("2.0.0");
        await Prints("#i \"nuget: source\"\n#r \"nuget: Kit.Greeter, 1.0.0\"");
        Assert.Equal("hello 1.0.0 and more", await Prints("#r \"nuget: Kit.Greeter, 2.0.0\"\nConsole.Write(Greeter.Hello);"));
        Assert.Contains("Kit.Greeter 1.0.0 is loaded already and stays; restart the kernel to use 2.0.0.", Told());
    }
}
