using System.Diagnostics;
using UnetResnet.Runtime;

namespace UnetResnet.Tests.Samples;

/// <summary>
/// A fresh folder outside the clone, with a space in its name, that holds the samples. NuGet unpacks into a folder of its own there, and takes what the machine has
/// unpacked already (libtorch is half a gigabyte) from where it lies.
/// </summary>
internal sealed class SampleFolder : IDisposable
{
    private static readonly string[] Texts = [".csproj", ".cs", ".fsx", ".ipynb"];
    private readonly TemporaryFolder folder = new();
    private readonly bool copiedBefore = Directory.Exists(Copy);

    public SampleFolder(PackedKit kit)
    {
        Path = Directory.CreateDirectory(folder["my experiment"]).FullName;
        string samples = System.IO.Path.Combine(Repository, "environment", "samples");
        foreach (string file in Directory.GetFiles(samples, "*", SearchOption.AllDirectories).Where(f => Texts.Contains(System.IO.Path.GetExtension(f))))
        {
            string copy = System.IO.Path.Combine(Path, System.IO.Path.GetRelativePath(samples, file));
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(copy)!);
            File.WriteAllText(copy, File.ReadAllText(file).Replace(PackedKit.Version, kit.PackedVersion, StringComparison.Ordinal));
        }

        Environment = new()
        {
            ["NUGET_PACKAGES"] = this["packages"],
            ["NUGET_FALLBACK_PACKAGES"] = Cache,
            ["RestoreFallbackFolders"] = Cache,
            ["RestoreAdditionalProjectSources"] = kit.Feed,
            ["XDG_DATA_HOME"] = Directory.CreateDirectory(this["data"]).FullName, // programs made of a file are built there
            ["XDG_CACHE_HOME"] = this["cache"],
            ["OMP_NUM_THREADS"] = "2",
        };
    }

    public static string Repository { get; } = Directory.GetParent(BundledFiles.Root)!.FullName;

    /// <summary>The machine's NuGet cache.</summary>
    public static string Cache { get; } = System.Environment.GetEnvironmentVariable("NUGET_PACKAGES") is { Length: > 0 } named
        ? named
        : System.IO.Path.Combine(System.Environment.GetFolderPath(System.Environment.SpecialFolder.UserProfile), ".nuget", "packages");

    private static readonly string Copy = System.IO.Path.Combine(Cache, "torchsharp", "0.107.0", "lib", "net8.0", "cpu");

    public string Path { get; }

    public Dictionary<string, string> Environment { get; }

    public string this[params string[] parts] => System.IO.Path.Combine([Path, .. parts]);

    public string Dotnet(params string[] arguments) => Dotnet(succeeds: true, arguments);

    public string Dotnet(bool succeeds, string[] arguments) => Run(Path, Environment, succeeds, arguments);

    /// <summary>Whether TorchSharp has put its own copy of libtorch into the machine's NuGet cache since.</summary>
    public bool CopiedIntoCache => !copiedBefore && Directory.Exists(Copy);

    public void Dispose()
    {
        // A failed test leaves the cache as it was.
        if (CopiedIntoCache) Directory.Delete(Copy, recursive: true);
        folder.Dispose();
    }

    /// <summary>Runs <c>dotnet</c> and returns what it printed, errors included.</summary>
    public static string Run(string at, Dictionary<string, string> environment, bool succeeds, string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", arguments) { WorkingDirectory = at, RedirectStandardOutput = true, RedirectStandardError = true };
        // The SDK that runs these tests has set variables that would steer another one.
        foreach (string name in start.Environment.Keys.Where(k => k.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase)).ToArray()) start.Environment.Remove(name);
        (start.Environment["MSBUILDTERMINALLOGGER"], start.Environment["DOTNET_CLI_USE_MSBUILD_SERVER"], start.Environment["MSBUILDDISABLENODEREUSE"]) = ("off", "0", "1");
        foreach ((string name, string value) in environment) start.Environment[name] = value;
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd() + errors.Result;
        process.WaitForExit();
        Assert.True(process.ExitCode == 0 == succeeds, output);
        return output;
    }
}
