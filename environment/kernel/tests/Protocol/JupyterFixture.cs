using System.Diagnostics;
using UnetResnet.Runtime;
using UnetResnet.Tests.Lab;

namespace Cellar.Tests.Protocol;

/// <summary>A test that needs Debian's Jupyter; shown as skipped where it is missing.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class JupyterFactAttribute : FactAttribute
{
    public JupyterFactAttribute(string module, bool browser = false)
    {
        if (!UnetResnet.Tests.Weights.Python.Has(module)) Skip = $"/usr/bin/python3 with {module} is not installed: nothing was run by Jupyter.";
        else if (browser) Skip = Chromium.Missing;
    }
}

/// <summary>The kernel installed in a folder of its own, and an environment in which Jupyter knows that folder and no other.</summary>
public sealed class JupyterFixture : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public JupyterFixture()
    {
        using Process install = Start("dotnet", typeof(UnetResnet.Lab.Commands.RunCommand).Assembly.Location, "kernel", "install", "--prefix", folder["prefix"]);
        Assert.Equal(0, Finish(install).Code);
        Directory.CreateDirectory(Notebooks);
    }

    /// <summary>The folder of <c>jupyter/</c>.</summary>
    public static string Scripts => Path.Combine(Directory.GetParent(BundledFiles.Root)!.FullName, "environment", "kernel", "tests", "jupyter");

    /// <summary>Where notebooks of a test lie.</summary>
    public string Notebooks => folder["notebooks"];

    /// <summary>Starts a program in the folder of the notebooks.</summary>
    public Process Start(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Directory.CreateDirectory(Notebooks).FullName };
        start.Environment["JUPYTER_PATH"] = folder["prefix", "share", "jupyter"];
        foreach (string name in (string[])["JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "XDG_CACHE_HOME"])
            start.Environment[name] = Directory.CreateDirectory(folder[name.ToLowerInvariant()]).FullName;
        start.Environment["PYTHONPATH"] = Scripts;
        start.Environment["PYTHONDONTWRITEBYTECODE"] = "1";
        start.Environment["OMP_NUM_THREADS"] = UnetResnet.Tests.TestProcess.Threads; // kernels share the cores with the other process of tests
        start.Environment["PATH"] = "/usr/bin:" + Environment.GetEnvironmentVariable("PATH"); // the scripts of Debian's packages, which find Debian's Python
        return Process.Start(start)!;
    }

    /// <summary>Waits for the end of a program.</summary>
    public static (int Code, string Output, string Errors) Finish(Process process)
    {
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, errors.Result);
    }

    public void Dispose() => folder.Dispose();
}
