using System.Diagnostics;
using System.Text.Json.Nodes;
using UnetResnet.Runtime;

namespace UnetResnet.Tests.DotnetInteractive;

/// <summary>A test that needs the real .NET Interactive and nbclient; shown as skipped where one is missing.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class DotnetInteractiveTheoryAttribute : TheoryAttribute
{
    public DotnetInteractiveTheoryAttribute() => Skip = DotnetInteractive.Missing;
}

/// <inheritdoc cref="DotnetInteractiveTheoryAttribute"/>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class DotnetInteractiveFactAttribute : FactAttribute
{
    public DotnetInteractiveFactAttribute() => Skip = DotnetInteractive.Missing;
}

/// <summary>
/// .NET Interactive as its tool package comes, with a kernelspec that its own command wrote. <c>.ci/run</c> installs it in
/// <c>artifacts/dotnet-interactive</c>; nothing in its folder is changed.
/// </summary>
public sealed class DotnetInteractive : IDisposable
{
    private const string Program = "dotnet-interactive", Kernel = ".net-csharp";
    private static readonly string Root = Directory.GetParent(BundledFiles.Root)!.FullName;
    private static readonly string Tool = Path.Combine(Root, "artifacts", Program);
    private readonly TemporaryFolder folder = new();

    public DotnetInteractive()
    {
        (int code, string output, string errors) = Run(Path.Combine(Tool, Program), "jupyter", "install", "--path", Directory.CreateDirectory(folder["kernels"]).FullName);
        Assert.True(code == 0, output + errors);
        // While it runs it serves HTTP, on all addresses unless it is told otherwise.
        string file = folder["kernels", Kernel, "kernel.json"];
        JsonObject spec = JsonNode.Parse(File.ReadAllText(file))!.AsObject();
        spec["argv"]!.AsArray().Add("--http-local-only");
        File.WriteAllText(file, spec.ToJsonString());
    }

    /// <summary>Why these tests are skipped, or null.</summary>
    internal static string? Missing =>
        !File.Exists(Path.Combine(Tool, Program)) ? $"{Tool} is missing: dotnet tool install --tool-path {Tool} Microsoft.dotnet-interactive --version 1.0.712001"
        : !Weights.Python.Has("nbclient") ? "/usr/bin/python3 with nbclient is not installed." : null;

    /// <summary>A file or folder of the repository.</summary>
    public static string Repository(params string[] path) => Path.Combine([Root, .. path]);

    /// <summary>A file or folder of the test.</summary>
    public string this[params string[] path] => folder[path];

    /// <summary>Runs every code cell of a notebook and returns it with the outputs. Errors are outputs.</summary>
    /// <param name="notebook">The notebook's file.</param>
    /// <param name="at">The folder in which it runs.</param>
    public JsonArray Execute(string notebook, string at)
    {
        string executed = folder[$"{Guid.NewGuid():N}.ipynb"];
        (int code, string output, string errors) = Run("/usr/bin/python3", Repository("tests", "DotnetInteractive", "execute.py"), folder["kernels"], notebook, at, executed);
        Assert.True(code == 0, output + errors);
        return [.. JsonNode.Parse(File.ReadAllText(executed))!["cells"]!.AsArray().Where(c => c!["cell_type"]!.ToString() == "code").Select(c => c!.DeepClone())];
    }

    /// <summary>Runs cells, one after another, in an empty folder.</summary>
    public JsonArray Execute(params string[] cells) => Execute(folder.Write($"{Guid.NewGuid():N}/cells.ipynb", Notebook.Text([.. cells.Select(c => Notebook.Code(c))])), Directory.CreateDirectory(folder["work"]).FullName);

    /// <summary>What went wrong in which cell.</summary>
    public static IEnumerable<string> Errors(JsonArray cells) =>
        from cell in cells
        from output in cell!["outputs"]!.AsArray()
        where output!["output_type"]!.ToString() == "error"
        select $"{Text(cell["source"])}\n=> {output["ename"]}: {output["evalue"]}";

    /// <summary>MIME types that nbformat has as a list of lines, or as one text.</summary>
    public static string Text(JsonNode? node) => node is JsonArray lines ? string.Concat(lines.Select(l => l!.ToString())) : node?.ToString() ?? "";

    public void Dispose() => folder.Dispose();

    private static (int Code, string Output, string Errors) Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["PATH"] = Tool + Path.PathSeparator + Environment.GetEnvironmentVariable("PATH"); // its kernelspec starts "dotnet interactive"
        start.Environment["DOTNET_INTERACTIVE_CLI_TELEMETRY_OPTOUT"] = "1";
        start.Environment["DOTNET_INTERACTIVE_SKIP_FIRST_TIME_EXPERIENCE"] = "1";
        start.Environment["PYTHONDONTWRITEBYTECODE"] = "1";
        start.Environment["OMP_NUM_THREADS"] = TestProcess.Threads; // it shares the cores with the other process of tests
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1"; // a node of a restore would outlive the kernel, with its output
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, errors.Result);
    }
}
