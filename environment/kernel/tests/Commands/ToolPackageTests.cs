using System.Diagnostics;
using System.Text.Json.Nodes;
using Cellar.Commands;
using Cellar.Tests.Protocol;
using UnetResnet.Runtime;

namespace Cellar.Tests.Commands;

/// <summary>The kernel as somebody gets it who has nothing but its package: a .NET tool, installed in an empty home from the packed file.</summary>
[Collection("kernels")]
public sealed class ToolPackageTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    private string Home => folder["home"];

    private static string Project => Path.Combine(Directory.GetParent(BundledFiles.Root)!.FullName, "environment", "kernel", "Cellar.csproj");

    [Fact]
    public void It_is_installed_from_the_packed_file_makes_itself_known_and_runs_a_cell_under_its_names()
    {
        Directory.CreateDirectory(Home);
        Run("dotnet", "pack", Project, "--no-build", "-c", Configuration, "-o", folder["packed"]);
        UnetResnet.Tests.Samples.PackageContents.Check(folder["packed"], "Cellar", "tools/net10.0/any/cellar.dll", "moving-from-polyglot.md");

        // The only source of packages is the folder with the packed file: a tool brings along what it needs.
        string sources = folder.Write("NuGet.Config", $"<configuration><packageSources><clear /><add key=\"packed\" value=\"{folder["packed"]}\" /></packageSources></configuration>");
        Run("dotnet", "tool", "install", "--global", "Cellar", "--configfile", sources);
        string cellar = Path.Combine(Home, ".dotnet", "tools", OperatingSystem.IsWindows() ? "cellar.exe" : "cellar");
        Assert.Contains("Choose \".NET (C#)\"", Run(cellar, "install"));
        Assert.Contains("Choose \"C# (cellar)\"", Run(cellar, "install", "--name", "cellar"));

        foreach (string name in (string[])[".net-csharp", "cellar"])
        {
            JsonNode spec = JsonNode.Parse(File.ReadAllText(Path.Combine(Kernels, name, "kernel.json")))!;
            string[] argv = [.. spec["argv"]!.AsArray().Select(a => a!.ToString())];
            Assert.Equal([cellar, "start", "{connection_file}"], argv);
            using var kernel = new KernelClient(argv: argv);
            Assert.Equal("42", kernel.Execute("Console.Write(6 * 7);").Printed);
        }

        if (UnetResnet.Tests.Weights.Python.Has("jupyter_client"))
        {
            // As Jupyter finds it, in the user's own folder.
            Assert.Contains("cell says 42", Run("/usr/bin/python3", "-c", """
                from jupyter_client.manager import start_new_kernel
                manager, client = start_new_kernel(kernel_name="cellar", startup_timeout=120)
                client.execute_interactive('Console.WriteLine($"cell says {6 * 7}");', timeout=60)
                client.stop_channels()
                manager.shutdown_kernel()
                """));
        }

        foreach (string[] uninstall in (string[][])[["uninstall"], ["uninstall", "--name", "cellar"]]) Assert.Contains("Removed", Run(cellar, uninstall));
        Assert.Empty(Directory.GetFileSystemEntries(Kernels));
        Run("dotnet", "tool", "uninstall", "--global", "Cellar");
        Assert.False(File.Exists(cellar));
    }

    [Fact]
    public void A_program_is_started_again_by_what_will_still_be_there()
    {
        string built = folder.Write("built/cellar.dll", ""), tool = folder.Write("store/cellar.dll", "");
        string executable = folder.Write(OperatingSystem.IsWindows() ? "built/cellar.exe" : "built/cellar", "");
        Assert.Equal([executable], OwnProgram.Of(built, "/usr/bin/dotnet"));
        Assert.Equal(["/home/me/.dotnet/tools/cellar"], OwnProgram.Of(tool, "/home/me/.dotnet/tools/cellar"));
        Assert.Equal(["/usr/bin/dotnet", tool], OwnProgram.Of(tool, "/usr/bin/dotnet"));
        Assert.Equal(["dotnet", tool], OwnProgram.Of(tool, null));
    }

    private string Kernels => OperatingSystem.IsWindows() ? Path.Combine(Home, "AppData", "Roaming", "jupyter", "kernels")
        : OperatingSystem.IsMacOS() ? Path.Combine(Home, "Library", "Jupyter", "kernels") : Path.Combine(Home, ".local", "share", "jupyter", "kernels");

    private static string Configuration =>
#if DEBUG
        "Debug";
#else
        "Release";
#endif

    /// <summary>Runs a program as the owner of the empty home.</summary>
    private string Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = folder.Path };
        foreach (string name in (string[])["XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "JUPYTER_DATA_DIR", "JUPYTER_PATH", "JUPYTER_RUNTIME_DIR", "NUGET_PACKAGES"]) start.Environment.Remove(name);
        (start.Environment["HOME"], start.Environment["USERPROFILE"], start.Environment["DOTNET_CLI_HOME"]) = (Home, Home, Home);
        (start.Environment["DOTNET_CLI_TELEMETRY_OPTOUT"], start.Environment["DOTNET_NOLOGO"], start.Environment["DOTNET_GENERATE_ASPNET_CERTIFICATE"]) = ("1", "1", "false");
        start.Environment["APPDATA"] = Path.Combine(Home, "AppData", "Roaming");
        start.Environment["MSBUILDTERMINALLOGGER"] = "off";
        // What was built before is packed, with the packages that it was built with.
        if (arguments[0] == "pack") start.Environment["NUGET_PACKAGES"] = Environment.GetEnvironmentVariable("NUGET_PACKAGES") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        using Process process = Process.Start(start)!;
        (int code, string output, string errors) = JupyterFixture.Finish(process);
        Assert.True(code == 0, $"{program} {string.Join(' ', arguments)}\n{output}{errors}");
        return output;
    }
}
