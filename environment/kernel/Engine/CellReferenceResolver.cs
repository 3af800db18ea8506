using System.Collections.Immutable;
using System.Reflection;
using Cellar.Packages;
using Microsoft.CodeAnalysis;

namespace Cellar.Engine;

/// <summary>
/// Finds the assembly that <c>#r "path"</c> names: the program's own copy where the program has one of that simple name, else the
/// first copy the notebook referred to, else the file, sought relative to the file that refers to it and to the notebook's folder.
/// </summary>
internal sealed class CellReferenceResolver(string baseFolder) : MetadataReferenceResolver
{
    private readonly Dictionary<string, string> chosen = new(StringComparer.OrdinalIgnoreCase);

    public override bool ResolveMissingAssemblies => true;

    /// <summary>From now on the assembly of this file's name is this one, unless the program or the notebook has another already.</summary>
    public void Prefer(string path)
    {
        lock (chosen) chosen.TryAdd(Path.GetFileNameWithoutExtension(path), path);
    }

    /// <summary>The file of an assembly that a cell or something it refers to needs: the one that was chosen, or one beside such a file.</summary>
    public string? Locate(string name)
    {
        lock (chosen)
            return chosen.GetValueOrDefault(name) ?? chosen.Values.Select(path => Existing(Path.Combine(Path.GetDirectoryName(path)!, name + ".dll"))).FirstOrDefault(p => p is not null);
    }

    public override PortableExecutableReference? ResolveMissingAssembly(MetadataReference definition, AssemblyIdentity referenceIdentity)
    {
        string name = referenceIdentity.Name;
        string? path = ProgramAssemblies.Current.Find(name) ?? Chosen(name);
        if (path is null && definition is PortableExecutableReference { FilePath: { } neighbour })
            path = Existing(Path.Combine(Path.GetDirectoryName(neighbour)!, name + ".dll"));
        return path is null ? null : References.ToFile(path);
    }

    public override ImmutableArray<PortableExecutableReference> ResolveReference(string reference, string? baseFilePath, MetadataReferenceProperties properties)
    {
        string? file = FindFile(reference, baseFilePath);
        string name = file is null ? Path.GetFileNameWithoutExtension(reference) : AssemblyNameOf(file) ?? Path.GetFileNameWithoutExtension(file);
        string? path = ProgramAssemblies.Current.Find(name) ?? Chosen(name) ?? file;
        if (path is null) return [];

        lock (chosen) chosen.TryAdd(name, path);
        return [References.ToFile(path, properties)];
    }

    private string? Chosen(string name)
    {
        lock (chosen) return chosen.GetValueOrDefault(name);
    }

    private string? FindFile(string reference, string? baseFilePath)
    {
        if (Path.IsPathRooted(reference)) return Existing(reference);
        string? besideLoadedFile = Path.IsPathRooted(baseFilePath) ? Existing(Path.Combine(Path.GetDirectoryName(baseFilePath)!, reference)) : null;
        return besideLoadedFile ?? Existing(Path.Combine(baseFolder, reference));
    }

    private static string? Existing(string path) => File.Exists(path) ? Path.GetFullPath(path) : null;

    private static string? AssemblyNameOf(string path)
    {
        try
        {
            return AssemblyName.GetAssemblyName(path).Name;
        }
        catch (Exception e) when (e is BadImageFormatException or IOException or UnauthorizedAccessException)
        {
            return null; // the compiler says what is wrong with the file
        }
    }

    public override bool Equals(object? other) => ReferenceEquals(this, other);

    public override int GetHashCode() => System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(this);
}
