using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Xml.Linq;
using Cellar.Files;

namespace Cellar.Packages;

/// <summary>
/// Fetches packages with <c>dotnet restore</c> of a project that names them. What it has chosen is kept in a cache, so that the next notebook
/// with the same packages neither waits nor needs a network.
/// </summary>
/// <param name="cacheFolder">Where the results are kept.</param>
internal sealed class PackageRestore(string cacheFolder)
{
    /// <summary>How long "the newest version" stays the one that was found.</summary>
    private static readonly TimeSpan NewestHolds = TimeSpan.FromDays(1);

    /// <summary>The user's cache: <c>$XDG_CACHE_HOME/cellar/packages</c> or its like.</summary>
    public static string UserCache => Path.Combine(
        OperatingSystem.IsWindows() ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
        : Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } cache ? cache
        : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache"),
        "cellar", "packages");

    /// <summary>Chooses and fetches packages.</summary>
    /// <param name="packages">Names with versions; an empty version is the newest.</param>
    /// <param name="sources">Addresses or folders besides those of NuGet's configuration.</param>
    /// <param name="folder">Where NuGet's configuration is sought, upwards.</param>
    /// <param name="waiting">Told every second that nothing was in the cache and how long it takes.</param>
    /// <param name="cancel">Ends the wait.</param>
    /// <exception cref="PackageException">They cannot be restored; the message says why.</exception>
    public async Task<RestoredPackages> GetAsync(
        IReadOnlyCollection<(string Name, string Version)> packages, IReadOnlyCollection<string> sources, string folder, Action<TimeSpan> waiting, CancellationToken cancel)
    {
        string project = Project(packages, sources);
        string kept = Path.Combine(cacheFolder, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(project)))[..32] + ".json");
        RestoredPackages? known = File.Exists(kept) ? RestoredPackages.Load(kept) : null;
        bool newest = packages.Any(p => p.Version.Length == 0 || p.Version.Contains('*'));
        if (known is not null && (!newest || DateTime.UtcNow - File.GetLastWriteTimeUtc(kept) < NewestHolds)) return known;

        string scratch = Directory.CreateTempSubdirectory("cellar-restore-").FullName;
        try
        {
            await File.WriteAllTextAsync(Path.Combine(scratch, "packages.csproj"), project, cancel);
            if (await RunAsync(scratch, folder, waiting, cancel) is { } output) return known ?? throw new PackageException(RestoreErrors.Explain(output, packages));
            string assets = Path.Combine(scratch, "obj", "project.assets.json");
            AtomicFile.Write(kept, stream => stream.Write(File.ReadAllBytes(assets)), isPrivate: true); // an address of a source can hold a password
            return RestoredPackages.Load(kept) ?? throw new PackageException("NuGet says that it has unpacked the packages, but their files are not there. Is the disk full?");
        }
        finally
        {
            Directory.Delete(scratch, recursive: true);
        }
    }

    private static string Project(IEnumerable<(string Name, string Version)> packages, IEnumerable<string> sources) => new XElement(
        "Project",
        new XElement(
            "PropertyGroup",
            // In front of the SDK's own properties, which read them.
            new XElement("ImportDirectoryBuildProps", "false"),
            new XElement("ImportDirectoryBuildTargets", "false"),
            new XElement("ImportDirectoryPackagesProps", "false")),
        new XElement("Import", new XAttribute("Project", "Sdk.props"), new XAttribute("Sdk", "Microsoft.NET.Sdk")),
        new XElement(
            "PropertyGroup",
            new XElement("TargetFramework", $"net{Environment.Version.Major}.0"),
            new XElement("RuntimeIdentifier", RuntimeInformation.RuntimeIdentifier),
            new XElement("SelfContained", "false"),
            new XElement("UseAppHost", "false"),
            new XElement("NuGetAudit", "false"),
            new XElement("RestoreAdditionalProjectSources", string.Join(';', sources.Select(Escaped)))),
        new XElement(
            "ItemGroup",
            packages.OrderBy(p => p.Name, StringComparer.OrdinalIgnoreCase).Select(p =>
                new XElement("PackageReference", new XAttribute("Include", p.Name), new XAttribute("Version", p.Version.Length == 0 ? "*" : p.Version)))),
        new XElement("Import", new XAttribute("Project", "Sdk.targets"), new XAttribute("Sdk", "Microsoft.NET.Sdk"))).ToString();

    /// <summary>Text as MSBuild takes it literally: no list, property, item or function begins in it.</summary>
    private static string Escaped(string text) => string.Concat(text.Select(c => "%$@'();?*".Contains(c) ? $"%{(int)c:X2}" : c.ToString()));

    /// <summary>Runs <c>dotnet restore</c> in a folder.</summary>
    /// <returns>What it printed where it failed; null where it succeeded.</returns>
    private static async Task<string?> RunAsync(string scratch, string folder, Action<TimeSpan> waiting, CancellationToken cancel)
    {
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") is { Length: > 0 } host ? host : "dotnet")
        {
            ArgumentList = { "restore", "packages.csproj", "--nologo", "-v:quiet", "-nodeReuse:false", $"-p:RestoreRootConfigDirectory={Escaped(folder)}" },
            WorkingDirectory = scratch,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        (start.Environment["DOTNET_CLI_UI_LANGUAGE"], start.Environment["DOTNET_NOLOGO"], start.Environment["MSBUILDTERMINALLOGGER"]) = ("en", "1", "off");
        start.Environment.Remove("TORCH_CPP_LOG_LEVEL");
        using var process = new Process { StartInfo = start };
        try
        {
            process.Start();
        }
        catch (Win32Exception e)
        {
            throw new PackageException($"Packages are fetched by the .NET SDK, and \"dotnet\" was not found ({e.Message}). Install the SDK, or refer to the assembly itself: #r \"path/Name.dll\".");
        }

        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync(CancellationToken.None), errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
        Task ended = process.WaitForExitAsync(cancel);
        var watch = Stopwatch.StartNew();
        try
        {
            while (await Task.WhenAny(ended, Task.Delay(TimeSpan.FromSeconds(1), CancellationToken.None)) != ended) waiting(watch.Elapsed);
            await ended;
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }

        return process.ExitCode == 0 ? null : await output + await errors;
    }
}
