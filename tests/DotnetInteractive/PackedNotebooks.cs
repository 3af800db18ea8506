using UnetResnet.Tests.Samples;

namespace UnetResnet.Tests.DotnetInteractive;

/// <summary>The library and the notebooks package of a version that no cache has, in a folder that serves as a feed.</summary>
public sealed class PackedNotebooks : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public PackedNotebooks()
    {
        if (DotnetInteractive.Missing is not null) return;
        foreach (string project in (string[])["UnetResnet.Helpers.csproj", Path.Combine("src", "Notebooks", "UnetResnet.Notebooks.csproj")])
            SampleFolder.Run(SampleFolder.Repository, [], succeeds: true, ["pack", project, "--no-build", "-c", PackedLibrary.Configuration, "-o", folder.Path, $"-p:Version={Version}"]);
    }

    /// <summary>The packages' version.</summary>
    public string Version { get; } = $"{PackedLibrary.Version}-test.{Guid.NewGuid():N}";

    /// <summary>The feed.</summary>
    public string Feed => folder.Path;

    public void Dispose()
    {
        foreach (string name in (string[])["unetresnet.helpers", "unetresnet.notebooks"])
            if (Path.Combine(SampleFolder.Cache, name, Version) is var unpacked && Directory.Exists(unpacked)) Directory.Delete(unpacked, recursive: true);
        folder.Dispose();
    }
}
