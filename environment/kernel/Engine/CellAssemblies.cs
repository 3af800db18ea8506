using System.Reflection;
using System.Runtime.Loader;
using Cellar.Packages;

namespace Cellar.Engine;

/// <summary>Loads the assemblies of cells and those that <c>#r</c> names. What the program itself has is taken from the program.</summary>
/// <param name="references">Knows which file was chosen for the name of an assembly.</param>
internal sealed class CellAssemblies(CellReferenceResolver references) : AssemblyLoadContext("cells")
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, Assembly> known = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>From now on references to this assembly's name mean this one.</summary>
    public void Register(Assembly assembly)
    {
        lock (gate) known[assembly.GetName().Name!] = assembly;
    }

    protected override Assembly? Load(AssemblyName assemblyName)
    {
        if (assemblyName.Name is not { } name || ProgramAssemblies.Current.Find(name) is not null) return null;
        lock (gate)
            if (known.TryGetValue(name, out Assembly? assembly)) return assembly;
        return references.Locate(name) is { } path ? LoadFromAssemblyPath(path) : null;
    }
}
