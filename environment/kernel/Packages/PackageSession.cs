using System.Reflection;
using System.Text.RegularExpressions;

namespace Cellar.Packages;

/// <summary>What packages bring to a notebook.</summary>
/// <param name="References">Assemblies for the compiler, by path.</param>
/// <param name="Loaded">Those of them that were loaded just now.</param>
/// <param name="Extensions">
/// Scripts to run once: <c>interactive-extensions/dotnet/extension.dib</c> of a package, and <c>interactive-extensions/NAME/extension.dib</c> beside the
/// program for a package that is part of it.
/// </param>
/// <param name="News">What to tell the reader; empty where everything was here already.</param>
internal sealed record NewPackages(IReadOnlyList<string> References, IReadOnlyList<Assembly> Loaded, IReadOnlyList<string> Extensions, string News);

/// <summary>The packages of one notebook: all that were asked for are restored together, so that they fit each other.</summary>
/// <param name="folder">The notebook's folder: NuGet's configuration is sought from there, and paths of sources are relative to it.</param>
/// <param name="cacheFolder">Where results of restore are kept.</param>
internal sealed partial class PackageSession(string folder, string cacheFolder)
{
    private readonly PackageRestore restore = new(cacheFolder);
    private readonly PackageContext context = new();
    private readonly Dictionary<string, string> asked = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, RestoredPackage> here = new(StringComparer.OrdinalIgnoreCase);
    private readonly HashSet<string> sources = [];
    private readonly HashSet<string> extended = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Adds a source: an address, or a folder.</summary>
    /// <exception cref="PackageException">There is no such folder, or NuGet cannot be told its name.</exception>
    public void AddSource(string source)
    {
        if (source.Contains(';')) throw new PackageException($"#i \"nuget: {source}\": a semicolon separates sources in NuGet and cannot be part of one. Write one #i line for each source, or rename the folder.");
        if (!source.Contains("://", StringComparison.Ordinal))
        {
            string full = Path.GetFullPath(Path.Combine(folder, source));
            source = Directory.Exists(full) ? full : throw new PackageException($"#i \"nuget: {source}\": there is no folder {full}. Give a folder with .nupkg files, or the address of a feed's index.json.");
        }

        sources.Add(source);
    }

    /// <summary>The program's own assemblies for a package, or null where the program has no such package.</summary>
    public static IReadOnlyList<string>? Own(string name) => ProgramAssemblies.Current.FindPackage(name);

    /// <summary>Restores packages and loads their assemblies.</summary>
    /// <param name="packages">Names and versions.</param>
    /// <param name="waiting">Told every second while it takes.</param>
    /// <param name="cancel">Ends the wait.</param>
    /// <exception cref="PackageException">They cannot be restored.</exception>
    public async Task<NewPackages> AddAsync(IReadOnlyList<(string Name, string Version)> packages, Action<string> waiting, CancellationToken cancel)
    {
        var references = new List<string>();
        var extensions = new List<string>();
        var news = new List<string>();
        var wanted = new Dictionary<string, string>(asked, StringComparer.OrdinalIgnoreCase);
        foreach ((string name, string version) in packages)
        {
            if (Own(name) is { } own)
            {
                references.AddRange(own);
                string script = Path.Combine(AppContext.BaseDirectory, "interactive-extensions", name, "extension.dib");
                if (File.Exists(script) && extended.Add(name)) extensions.Add(script);
                if (ProgramAssemblies.Current.VersionOf(name) is { } has && Exact().IsMatch(version) && has != version)
                    news.Add($"{name} {has} is part of this kernel and used instead of {version}: there can be one version only.");
                continue;
            }

            if (!Name().IsMatch(name)) throw new PackageException($"\"{name}\" is no name of a package: expected #r \"nuget: Name, Version\".");
            if (!Version().IsMatch(version)) throw new PackageException($"\"{version}\" is no version: expected one such as 1.2.3, 1.* or [1.0,2.0).");
            if (version.Length > 0 || !wanted.ContainsKey(name)) wanted[name] = version;
        }

        if (packages.All(p => Own(p.Name) is not null)) return new NewPackages(references, [], extensions, string.Join('\n', news));

        (string, string)[] all = [.. wanted.Select(p => (p.Key, p.Value))];
        string list = string.Join(", ", packages.Where(p => Own(p.Name) is null).Select(p => $"{p.Name} {p.Version}".Trim()));
        RestoredPackages restored = await restore.GetAsync(all, sources, folder, time => waiting($"Restoring {list} … {time.TotalSeconds:0} s"), cancel);
        foreach ((string name, string version) in wanted) asked[name] = version;
        var loaded = new List<Assembly>();
        foreach (RestoredPackage package in restored.All)
        {
            if (here.TryGetValue(package.Name, out RestoredPackage? before))
            {
                if (before.Version != package.Version) news.Add($"{package.Name} {before.Version} is loaded already and stays; restart the kernel to use {package.Version}.");
                continue;
            }

            here.Add(package.Name, package);
            foreach ((string path, Assembly assembly) in context.Add(package))
            {
                references.Add(path);
                loaded.Add(assembly);
            }

            references.AddRange(package.Assemblies.Select(a => ProgramAssemblies.Current.Find(Path.GetFileNameWithoutExtension(a))).OfType<string>());
            string extension = Path.Combine(package.Folder, "interactive-extensions", "dotnet", "extension.dib");
            if (File.Exists(extension)) extensions.Add(extension);
        }

        if (loaded.Count > 0)
            news.Insert(0, "Packages: " + string.Join(", ", packages.Select(p => here.GetValueOrDefault(p.Name)).OfType<RestoredPackage>().Select(p => $"{p.Name} {p.Version}")));
        return new NewPackages([.. references.Distinct()], loaded, extensions, string.Join('\n', news));
    }

    [GeneratedRegex(@"^[\w.-]+$")]
    private static partial Regex Name();

    [GeneratedRegex(@"^[\w.\-+*\[\](), ]*$")]
    private static partial Regex Version();

    [GeneratedRegex(@"^\d[\w.\-+]*$")]
    private static partial Regex Exact();
}
