using System.Collections.Concurrent;
using System.IO.MemoryMappedFiles;
using System.Reflection.PortableExecutable;
using Cellar.Packages;
using Microsoft.CodeAnalysis;

namespace Cellar.Engine;

/// <summary>
/// Compiler references by path. One file must be read once only: the compiler takes two readings of one assembly for two assemblies, and
/// then finds their types ambiguous when one cell saw the first and a later cell the second.
/// </summary>
internal static class References
{
    private static readonly ConcurrentDictionary<(string Path, DateTime Written), Lazy<PortableExecutableReference>> Read = new();

    /// <summary>A reference to the assembly in a file.</summary>
    public static PortableExecutableReference ToFile(string path, MetadataReferenceProperties properties = default)
    {
        PortableExecutableReference reference = Read.GetOrAdd((path, File.GetLastWriteTimeUtc(path)), static key => new(() => Open(key.Path))).Value;
        return properties == default ? reference : reference.WithProperties(properties);
    }

    /// <summary>
    /// Files that this process itself runs on stay as they are, and are mapped: of the 62 MB of .NET's assemblies a compiler looks at the names of types, and what nobody looks
    /// at takes no memory. Others may be built anew at any time, and are copied.
    /// </summary>
    private static PortableExecutableReference Open(string path) =>
        ProgramAssemblies.Current.Find(Path.GetFileNameWithoutExtension(path)) == path ? Mapped(path) : MetadataReference.CreateFromFile(path);

    private static PortableExecutableReference Mapped(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        var headers = new PEHeaders(stream);
        if (headers.MetadataSize == 0) return MetadataReference.CreateFromFile(path);
        using var file = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
        MemoryMappedViewAccessor view = file.CreateViewAccessor(headers.MetadataStartOffset, headers.MetadataSize, MemoryMappedFileAccess.Read);
        nint start = view.SafeMemoryMappedViewHandle.DangerousGetHandle() + (nint)view.PointerOffset;
        // The module keeps the view, whose end would be the end of the mapping.
        ModuleMetadata module = ModuleMetadata.CreateFromMetadata(start, headers.MetadataSize, view.Dispose);
        return AssemblyMetadata.Create(module).GetReference(filePath: path);
    }
}
