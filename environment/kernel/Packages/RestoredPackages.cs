using System.Text.Json;

namespace Cellar.Packages;

/// <summary>A package on disk.</summary>
/// <param name="Name">Its id.</param>
/// <param name="Version">The version that was chosen.</param>
/// <param name="Folder">Where it is unpacked.</param>
/// <param name="Assemblies">Full paths of what runs.</param>
/// <param name="Natives">Full paths of native libraries for this system.</param>
internal sealed record RestoredPackage(string Name, string Version, string Folder, IReadOnlyList<string> Assemblies, IReadOnlyList<string> Natives);

/// <summary>What <c>dotnet restore</c> has chosen and unpacked: packages that were asked for, and those that they need.</summary>
internal sealed class RestoredPackages
{
    private RestoredPackages(IReadOnlyList<RestoredPackage> all) => All = all;

    /// <summary>Every package.</summary>
    public IReadOnlyList<RestoredPackage> All { get; }

    /// <summary>Reads NuGet's <c>project.assets.json</c>.</summary>
    /// <returns>Null where a file that it names is there no longer.</returns>
    /// <exception cref="FormatException">The file is not one of NuGet's.</exception>
    public static RestoredPackages? Load(string assetsFile)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(assetsFile));
            JsonElement root = document.RootElement;
            string[] roots = [.. root.GetProperty("packageFolders").EnumerateObject().Select(p => p.Name)];
            // The target of the framework and the system; the one of the framework alone knows no native libraries.
            JsonElement target = root.GetProperty("targets").EnumerateObject().OrderBy(t => t.Name.Length).Last().Value;
            var packages = new List<RestoredPackage>();
            foreach (JsonProperty library in target.EnumerateObject())
            {
                if (library.Value.GetProperty("type").GetString() != "package") continue;
                string path = root.GetProperty("libraries").GetProperty(library.Name).GetProperty("path").GetString()!;
                if (roots.Select(r => Path.Combine(r, path)).FirstOrDefault(Directory.Exists) is not { } folder) return null;
                string[] assemblies = Files(library.Value, "runtime", folder), natives = Files(library.Value, "native", folder);
                if (!assemblies.Concat(natives).All(File.Exists)) return null;
                string[] nameAndVersion = library.Name.Split('/');
                packages.Add(new RestoredPackage(nameAndVersion[0], nameAndVersion[1], folder, assemblies, natives));
            }

            return new RestoredPackages(packages);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new FormatException($"{assetsFile} is not a file of NuGet's restore: {e.Message} Delete it and run the cell again.", e);
        }
    }

    private static string[] Files(JsonElement library, string kind, string folder) =>
        library.TryGetProperty(kind, out JsonElement files)
            ? [.. files.EnumerateObject().Select(f => f.Name).Where(f => !f.EndsWith("/_._", StringComparison.Ordinal)).Select(f => Path.Combine(folder, f))]
            : [];
}
