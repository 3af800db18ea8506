using System.Text.Json;

namespace Cellar.Packages;

/// <summary>
/// The assemblies this very program runs on, by simple name, and the packages they come from. A notebook that refers to a copy of
/// one of them gets this one: a second copy would have types of its own and load native libraries twice.
/// </summary>
internal sealed class ProgramAssemblies
{
    private readonly Dictionary<string, string> paths = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, Package> packages = new(StringComparer.OrdinalIgnoreCase);

    private ProgramAssemblies()
    {
        foreach (string path in Split("TRUSTED_PLATFORM_ASSEMBLIES", Path.PathSeparator)) paths.TryAdd(Path.GetFileNameWithoutExtension(path), path);
        foreach (string path in Split("APP_CONTEXT_DEPS_FILES", ';')) ReadPackages(path);
        string frameworkFolder = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        FrameworkPaths = [.. paths.Values.Where(p => Path.GetDirectoryName(p) == frameworkFolder)];
    }

    /// <summary>The assemblies of the running process.</summary>
    public static ProgramAssemblies Current { get; } = new();

    /// <summary>The assemblies of .NET itself: what a cell can use without <c>#r</c>.</summary>
    public IReadOnlyList<string> FrameworkPaths { get; }

    /// <summary>Name and version of each package the program is made of, .NET itself left out.</summary>
    public IEnumerable<KeyValuePair<string, string>> PackageVersions =>
        packages.Select(p => KeyValuePair.Create(p.Key, p.Value.Version)).OrderBy(p => p.Key, StringComparer.OrdinalIgnoreCase);

    /// <summary>Where the program's copy of an assembly lies, or null.</summary>
    public string? Find(string assemblyName) => paths.GetValueOrDefault(assemblyName);

    /// <summary>The version of a package the program is made of, or null.</summary>
    public string? VersionOf(string packageName) => packages.GetValueOrDefault(Managed(packageName))?.Version;

    /// <summary>The assemblies that <c>#r "nuget: …"</c> of this package gives: its own and those of the packages it depends on; null where the program has no such package.</summary>
    public IReadOnlyList<string>? FindPackage(string name)
    {
        name = Managed(name);
        if (!packages.ContainsKey(name)) return Find(name) is { } path ? [path] : null;

        var seen = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        var open = new Stack<string>([name]);
        var found = new List<string>();
        while (open.TryPop(out string? next))
        {
            if (!seen.Add(next) || !packages.TryGetValue(next, out Package? package)) continue;
            found.AddRange(package.Assemblies.Select(Find).OfType<string>());
            foreach (string dependency in package.Dependencies) open.Push(dependency);
        }

        return found;
    }

    /// <summary>TorchSharp-cpu and its sisters hold no assembly: they are TorchSharp and a native libtorch, which the program has.</summary>
    private static string Managed(string name) => name.StartsWith("TorchSharp-", StringComparison.OrdinalIgnoreCase) ? "TorchSharp" : name;

    private static string[] Split(string property, char separator) =>
        (AppContext.GetData(property) as string ?? "").Split(separator, StringSplitOptions.RemoveEmptyEntries);

    private void ReadPackages(string depsFile)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(depsFile));
        JsonElement target = document.RootElement.GetProperty("targets")
            .GetProperty(document.RootElement.GetProperty("runtimeTarget").GetProperty("name").GetString()!);
        foreach (JsonProperty library in target.EnumerateObject())
        {
            string[] nameAndVersion = library.Name.Split('/');
            if (nameAndVersion[0].StartsWith("Microsoft.NETCore.App", StringComparison.Ordinal)) continue;
            packages.TryAdd(nameAndVersion[0], new Package(
                nameAndVersion[1],
                [.. Names(library.Value, "runtime").Select(f => Path.GetFileNameWithoutExtension(f))],
                [.. Names(library.Value, "dependencies")]));
        }
    }

    private static IEnumerable<string> Names(JsonElement library, string property) =>
        library.TryGetProperty(property, out JsonElement value) ? value.EnumerateObject().Select(p => p.Name) : [];

    private sealed record Package(string Version, IReadOnlyList<string> Assemblies, IReadOnlyList<string> Dependencies);
}
