using System.IO.Compression;
using System.Text.Json;
using UnetResnet.Tests.Samples;

namespace UnetResnet.Tests.Runtime;

/// <summary>
/// <c>-p:Torch=cuda</c> with stand-ins for the packages: what NuGet takes and what it leaves, without 3 GB of CUDA. The names and dependencies are those of
/// TorchSharp-cuda-linux 0.107.0; each package holds one small file in the place of its libraries.
/// </summary>
public sealed class CudaRestoreTests : IDisposable
{
    private const string Cuda = "libtorch-cuda-12.8-linux-x64", Native = "runtimes/linux-x64/native/";
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void The_CUDA_packages_come_the_CPU_package_stays_away_and_no_library_comes_twice()
    {
        Pack("TorchSharp-cuda-linux", "0.107.0", [("TorchSharp", "0.107.0"), (Cuda, "2.10.0")], []);
        Pack(Cuda, "2.10.0", [(Cuda + "-part1", "2.10.0"), (Cuda + "-part2", "2.10.0")], []);
        Pack(Cuda + "-part1", "2.10.0", [], ["libtorch.so", "libtorch_cpu.so", "libc10.so"]);
        Pack(Cuda + "-part2", "2.10.0", [], ["libtorch_cuda.so", "libc10_cuda.so"]);
        var environment = new Dictionary<string, string>
        {
            ["NUGET_PACKAGES"] = folder["packages"],
            ["NUGET_FALLBACK_PACKAGES"] = SampleFolder.Cache,
            ["RestoreFallbackFolders"] = SampleFolder.Cache,
        };
        SampleFolder.Run(SampleFolder.Repository, environment, succeeds: true,
            ["restore", "environment/lab", "-p:Torch=cuda", $"-p:ArtifactsPath={folder["artifacts"]}", $"-p:RestoreAdditionalProjectSources={folder["feed"]}", "-p:NuGetAudit=false"]);

        string[] assets = Directory.GetFiles(folder["artifacts", "obj"], "project.assets.json", SearchOption.AllDirectories);
        Assert.Equal(["Cellar", "UnetResnet.Helpers", "UnetResnet.Notebooks", "lab"], assets.Select(a => Path.GetFileName(Path.GetDirectoryName(a))!).Order(StringComparer.Ordinal));
        foreach (string file in assets.Where(a => !a.Contains("Cellar", StringComparison.Ordinal)))
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(file));
            JsonElement target = document.RootElement.GetProperty("targets").EnumerateObject().OrderBy(t => t.Name.Length).Last().Value;
            string[] packages = [.. target.EnumerateObject().Select(p => p.Name)];
            Assert.Contains("TorchSharp-cuda-linux/0.107.0", packages);
            Assert.Contains(Cuda + "-part2/2.10.0", packages);
            Assert.DoesNotContain(packages, p => p.StartsWith("libtorch-cpu", StringComparison.OrdinalIgnoreCase));

            string[] natives = [.. from package in target.EnumerateObject()
                                   where package.Value.TryGetProperty("native", out _)
                                   from native in package.Value.GetProperty("native").EnumerateObject()
                                   select Path.GetFileName(native.Name)];
            Assert.Contains("libtorch_cuda.so", natives);
            Assert.Contains("libLibTorchSharp.so", natives);
            Assert.Equal(natives.Distinct(), natives);
        }
    }

    private void Pack(string name, string version, (string Name, string Version)[] dependencies, string[] natives)
    {
        Directory.CreateDirectory(folder["feed"]);
        using ZipArchive package = ZipFile.Open(folder["feed", $"{name}.{version}.nupkg"], ZipArchiveMode.Create);
        Write(package, $"{name}.nuspec",
            $"""
            <package xmlns="http://schemas.microsoft.com/packaging/2013/05/nuspec.xsd"><metadata>
            <id>{name}</id><version>{version}</version><authors>a stand-in</authors><description>A stand-in for a test.</description>
            <dependencies>{string.Concat(dependencies.Select(d => $"<dependency id=\"{d.Name}\" version=\"[{d.Version}]\" />"))}</dependencies>
            </metadata></package>
            """);
        foreach (string native in natives) Write(package, Native + native, name);
    }

    private static void Write(ZipArchive archive, string path, string text)
    {
        using var writer = new StreamWriter(archive.CreateEntry(path).Open());
        writer.Write(text);
    }
}
