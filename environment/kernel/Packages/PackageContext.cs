using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Loader;

namespace Cellar.Packages;

/// <summary>
/// Loads the assemblies and native libraries of packages. What the program itself has is taken from the program, so that there is one
/// TorchSharp and one Plotly.NET in a kernel.
/// </summary>
internal sealed class PackageContext() : AssemblyLoadContext("packages")
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, string> assemblies = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, string> natives = new(StringComparer.Ordinal);

    /// <summary>Adds the files of a package; the first assembly of a name stays.</summary>
    /// <returns>The assemblies that are new, by path, loaded.</returns>
    public IReadOnlyList<(string Path, Assembly Assembly)> Add(RestoredPackage package)
    {
        lock (gate)
        {
            foreach (string native in package.Natives) natives.TryAdd(Path.GetFileName(native), native);
            string[] added = [.. package.Assemblies.Where(path => ProgramAssemblies.Current.Find(Path.GetFileNameWithoutExtension(path)) is null
                && assemblies.TryAdd(Path.GetFileNameWithoutExtension(path), path))];
            return [.. added.Select(path => (path, LoadFromAssemblyPath(path)))];
        }
    }

    protected override Assembly? Load(AssemblyName assemblyName)
    {
        lock (gate) return assemblyName.Name is { } name && assemblies.TryGetValue(name, out string? path) ? LoadFromAssemblyPath(path) : null;
    }

    protected override nint LoadUnmanagedDll(string unmanagedDllName)
    {
        // A library that does not load from its package may still be had elsewhere: whoever listens to ResolvingUnmanagedDll is asked next.
        string name = Path.GetFileName(unmanagedDllName);
        lock (gate)
        {
            foreach (string candidate in (string[])[name, $"lib{name}.so", $"{name}.so", $"{name}.dll", $"lib{name}.dylib", $"{name}.dylib"])
                if (natives.TryGetValue(candidate, out string? path) && NativeLibrary.TryLoad(path, out nint handle)) return handle;
        }

        return 0;
    }
}
