using System.IO.Compression;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Xml.Linq;

namespace UnetResnet.Tests.Samples;

/// <summary>
/// What every package of this repository must hold: README, icon, licence, description; and in its companion, or itself where it is a tool, the symbols of this very assembly, which say where
/// each source is.
/// </summary>
internal static class PackageContents
{
    /// <summary>Checks the package and its companion in a folder that holds one of its name.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="id">The package's name.</param>
    /// <param name="assembly">Path of its assembly in the package.</param>
    /// <param name="more">Other files that must be in it.</param>
    internal static void Check(string folder, string id, string assembly, params string[] more)
    {
        string file = Directory.GetFiles(folder, $"{id}.*.nupkg").Single();
        using ZipArchive package = ZipFile.OpenRead(file), symbols = ZipFile.OpenRead(assembly.StartsWith("tools/", StringComparison.Ordinal) ? file : Directory.GetFiles(folder, $"{id}.*.snupkg").Single());
        string[] names = [.. package.Entries.Select(e => e.FullName)];
        Assert.All(["README.md", "icon.png", assembly, .. more], name => Assert.Contains(name, names));
        Assert.Equal([0x89, (byte)'P', (byte)'N', (byte)'G'], Copy(package.GetEntry("icon.png")!).ToArray()[..4]);
        Assert.True(package.GetEntry("README.md")!.Length > 1000);
        XElement about = XDocument.Load(package.GetEntry($"{id}.nuspec")!.Open()).Root!.Elements().Single();
        string? Text(string name) => about.Elements().SingleOrDefault(e => e.Name.LocalName == name)?.Value;
        Assert.Equal((id, "README.md", "icon.png", "MIT"), (Text("id"), Text("readme"), Text("icon"), Text("license")));
        Assert.False(string.IsNullOrWhiteSpace(Text("description")) || string.IsNullOrWhiteSpace(Text("tags")) || string.IsNullOrWhiteSpace(Text("copyright")));

        using var code = new PEReader(Copy(package.GetEntry(assembly)!));
        using var debug = MetadataReaderProvider.FromPortablePdbStream(Copy(symbols.GetEntry(Path.ChangeExtension(assembly, ".pdb"))!));
        MetadataReader reader = debug.GetMetadataReader();
        CodeViewDebugDirectoryData link = code.ReadCodeViewDebugDirectoryData(code.ReadDebugDirectory().First(d => d.Type == DebugDirectoryEntryType.CodeView));
        Assert.Equal(link.Guid, new BlobContentId(reader.DebugMetadataHeader!.Id).Guid);
        // Sources that no repository has, such as generated ones, lie in the symbols.
        Guid embedded = new("0E8A571B-6926-466E-B4AD-8AB04611F5FE");
        Assert.Contains(reader.CustomDebugInformation, handle => reader.GetGuid(reader.GetCustomDebugInformation(handle).Kind) == embedded);
    }

    private static MemoryStream Copy(ZipArchiveEntry entry)
    {
        using Stream content = entry.Open();
        var copy = new MemoryStream();
        content.CopyTo(copy);
        copy.Position = 0;
        return copy;
    }
}
