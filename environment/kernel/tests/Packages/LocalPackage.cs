using System.IO.Compression;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Cellar.Tests.Packages;

/// <summary>Makes NuGet packages in a folder, which then is a source of packages.</summary>
internal static class LocalPackage
{
    /// <summary>Compiles code to an assembly and packs it.</summary>
    /// <param name="folder">Where the package goes.</param>
    /// <param name="name">Of package and assembly.</param>
    /// <param name="version">Of the package.</param>
    /// <param name="code">C#; it can use .NET, and the assemblies of this test process that <paramref name="uses"/> names.</param>
    /// <param name="files">More files: path in the package, content.</param>
    /// <param name="uses">Types whose assemblies the code uses.</param>
    /// <param name="needs">Packages that NuGet fetches along: name, version.</param>
    public static void Write(string folder, string name, string version, string code, IReadOnlyDictionary<string, byte[]>? files = null, Type[]? uses = null, (string Name, string Version)[]? needs = null)
    {
        Directory.CreateDirectory(folder);
        using ZipArchive archive = ZipFile.Open(Path.Combine(folder, $"{name}.{version}.nupkg"), ZipArchiveMode.Create);
        string dependencies = string.Concat((needs ?? []).Select(n => $"<dependency id=\"{n.Name}\" version=\"{n.Version}\" />"));
        Add($"{name}.nuspec", System.Text.Encoding.UTF8.GetBytes($"""
            <?xml version="1.0"?>
            <package xmlns="http://schemas.microsoft.com/packaging/2013/05/nuspec.xsd">
              <metadata>
                <id>{name}</id><version>{version}</version><authors>tests</authors><description>Made by a test.</description>
                <dependencies><group targetFramework="net10.0">{dependencies}</group></dependencies>
              </metadata>
            </package>
            """));
        Add($"lib/net10.0/{name}.dll", Compile(name, code, uses ?? []));
        foreach ((string path, byte[] content) in files ?? new Dictionary<string, byte[]>()) Add(path, content);

        void Add(string path, byte[] content)
        {
            using Stream stream = archive.CreateEntry(path).Open();
            stream.Write(content);
        }
    }

    private static byte[] Compile(string name, string code, Type[] uses)
    {
        IEnumerable<string> paths = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Where(p => Path.GetFileName(p).StartsWith("System.", StringComparison.Ordinal) || Path.GetFileName(p) == "netstandard.dll").Concat(uses.Select(t => t.Assembly.Location)).Distinct();
        CSharpCompilation compilation = CSharpCompilation.Create(
            name, [CSharpSyntaxTree.ParseText(code)], paths.Select(p => MetadataReference.CreateFromFile(p)), new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary));
        using var stream = new MemoryStream();
        var result = compilation.Emit(stream);
        Assert.True(result.Success, string.Join('\n', result.Diagnostics));
        return stream.ToArray();
    }
}
