using System.Xml.Linq;

namespace UnetResnet.Tests.Samples;

/// <summary>The library as a package of a version that no other run has used, in a folder that serves as a feed.</summary>
public sealed class PackedLibrary : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public PackedLibrary()
    {
        SampleFolder.Run(SampleFolder.Repository, [], succeeds: true,
            ["pack", "UnetResnet.Helpers.csproj", "--no-build", "-c", Configuration, "-o", folder.Path, $"-p:PackageVersion={PackedVersion}"]);
        Assert.True(File.Exists(folder[$"UnetResnet.Helpers.{PackedVersion}.nupkg"]));
    }

    /// <summary>The version that the sources have, and the samples name.</summary>
    public static string Version { get; } = XDocument.Load(Path.Combine(SampleFolder.Repository, "Directory.Build.props")).Descendants("Version").Single().Value;

    /// <summary>A stale package of the same version cannot take its place.</summary>
    public string PackedVersion { get; } = $"{Version}-samples.{Guid.NewGuid():N}";

    /// <summary>Which build the tests belong to.</summary>
    public static string Configuration =>
#if DEBUG
        "Debug";
#else
        "Release";
#endif

    /// <summary>The feed.</summary>
    public string Feed => folder.Path;

    public void Dispose() => folder.Dispose();
}
