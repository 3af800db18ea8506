using System.Diagnostics;

namespace UnetResnet.Tests.Weights;

/// <summary>A test that needs Debian's Python with some modules; shown as skipped where they are missing.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class PythonTheoryAttribute : TheoryAttribute
{
    public PythonTheoryAttribute(string modules)
    {
        if (!Python.Has(modules)) Skip = $"/usr/bin/python3 with {modules} is not installed: nothing was compared with it.";
    }
}

/// <summary>Runs the scripts in <c>tests/golden</c> with the system's Python.</summary>
internal static class Python
{
    private const string Program = "/usr/bin/python3";

    private static readonly Dictionary<string, bool> Known = [];

    public static bool Has(string modules)
    {
        lock (Known)
        {
            if (!Known.TryGetValue(modules, out bool has)) Known[modules] = has = File.Exists(Program) && Start(["-c", $"import {modules}"]).Code == 0;
            return has;
        }
    }

    /// <summary>Runs <c>tests/golden/script</c> and returns what it printed.</summary>
    public static string Run(string script, params string[] arguments)
    {
        (int code, string output, string errors) = Start([Path.Combine(Root, "tests", "golden", script), .. arguments]);
        Assert.True(code == 0, errors);
        return output;
    }

    /// <summary>Runs any script.</summary>
    public static (int Code, string Output, string Errors) RunFile(string path, params string[] arguments) => Start([path, .. arguments]);

    private static string Root
    {
        get
        {
            DirectoryInfo? folder = new(AppContext.BaseDirectory);
            while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "UnetResnet.Helpers.csproj"))) folder = folder.Parent;
            return folder?.FullName ?? throw new DirectoryNotFoundException("The repository was not found above the tests.");
        }
    }

    private static (int Code, string Output, string Errors) Start(string[] arguments)
    {
        var start = new ProcessStartInfo(Program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        // A script of a test works among its files; those of the repository are told every path.
        if (Path.GetDirectoryName(arguments[0]) is { Length: > 0 } folder && !folder.StartsWith(Root, StringComparison.Ordinal)) start.WorkingDirectory = folder;
        start.Environment["PYTHONDONTWRITEBYTECODE"] = "1";
        start.Environment["OMP_NUM_THREADS"] = "1";
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, errors.Result);
    }
}
