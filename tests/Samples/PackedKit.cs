using System.Xml.Linq;

namespace UnetResnet.Tests.Samples;

/// <summary>The library and the notebooks package, packed when they are asked for first, of a version that no cache has, in a folder that serves as a feed.</summary>
public sealed class PackedKit : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly Lazy<string> feed;

    public PackedKit() => feed = new(() =>
    {
        foreach (string project in (string[])["UnetResnet.Helpers.csproj", Path.Combine("src", "Notebooks", "UnetResnet.Notebooks.csproj")])
            SampleFolder.Run(SampleFolder.Repository, [], succeeds: true, ["pack", project, "--no-build", "-c", Configuration, "-o", folder.Path, $"-p:Version={PackedVersion}"]);
        return folder.Path;
    });

    /// <summary>The version that the sources have, and the samples name.</summary>
    public static string Version { get; } = XDocument.Load(Path.Combine(SampleFolder.Repository, "Directory.Build.props")).Descendants("Version").Single().Value;

    /// <summary>The packages' version: stale ones of the same version cannot take their place.</summary>
    public string PackedVersion { get; } = $"{Version}-test.{Guid.NewGuid():N}";

    /// <summary>Which build the tests belong to.</summary>
    public static string Configuration =>
#if DEBUG
        "Debug";
#else
        "Release";
#endif

    /// <summary>The feed.</summary>
    public string Feed => feed.Value;

    public void Dispose()
    {
        foreach (string name in (string[])["unetresnet.helpers", "unetresnet.notebooks"])
            if (Path.Combine(SampleFolder.Cache, name, PackedVersion) is var unpacked && Directory.Exists(unpacked)) Directory.Delete(unpacked, recursive: true);
        folder.Dispose();
    }
}
