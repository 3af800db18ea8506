using System.Diagnostics;
using System.Globalization;

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

    /// <summary>Whether modules are installed; they are not loaded, which takes PyTorch seconds.</summary>
    public static bool Has(string modules)
    {
        lock (Known)
        {
            if (!Known.TryGetValue(modules, out bool has)) Known[modules] = has = File.Exists(Program) && Start(["-c", $"import importlib.util, sys; sys.exit(any(importlib.util.find_spec(name.strip()) is None for name in '{modules}'.split(',')))"]).Code == 0;
            return has;
        }
    }

    /// <summary>Runs <c>tests/golden/script</c> and returns what it printed.</summary>
    public static string Run(string script, params string[] arguments)
    {
        (int code, string output, string errors) = Start([Golden(script), .. arguments]);
        Assert.True(code == 0, errors);
        return output;
    }

    /// <summary>Runs any script.</summary>
    public static (int Code, string Output, string Errors) RunFile(string path, params string[] arguments) => Start([path, .. arguments]);

    /// <summary>Runs a script in several processes, which find each other on a port that the system chooses.</summary>
    public static (int Code, string Output, string Errors) RunProcesses(int processes, string path, params string[] arguments) => Start([.. Torchrun(processes), path, .. arguments]);

    /// <summary>Starts a script in several processes; the caller reads both streams, and waits.</summary>
    public static Process BeginProcesses(int processes, string path, params string[] arguments) => Begin([.. Torchrun(processes), path, .. arguments]);

    /// <summary>A script in <c>tests/golden</c>.</summary>
    public static string Golden(string script) => Path.Combine(Root, "tests", "golden", script);

    /// <summary>Debian 12's PyTorch 1.13 cannot read its own default under Python 3.11, to redirect nothing; a rank that does not exist says the same.</summary>
    private static string[] Torchrun(int processes) =>
        ["-m", "torch.distributed.run", "--redirects", "9:1", "--tee", "9:1", "--nproc_per_node", processes.ToString(CultureInfo.InvariantCulture), "--rdzv_backend", "c10d", "--rdzv_endpoint", "localhost:0", "--monitor_interval", "1"];

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
        using Process process = Begin(arguments);
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, errors.Result);
    }

    private static Process Begin(string[] arguments)
    {
        var start = new ProcessStartInfo(Program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        // A script of a test works among its files; those of the repository are told every path.
        if (Path.GetDirectoryName(arguments[0]) is { Length: > 0 } folder && !folder.StartsWith(Root, StringComparison.Ordinal)) start.WorkingDirectory = folder;
        start.Environment["PYTHONDONTWRITEBYTECODE"] = "1";
        start.Environment["OMP_NUM_THREADS"] = "1";
        start.Environment["CUDA_VISIBLE_DEVICES"] = "";
        // Processes of one machine need no other network.
        start.Environment["GLOO_SOCKET_IFNAME"] = "lo";
        return Process.Start(start)!;
    }
}
