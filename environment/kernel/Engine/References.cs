using System.Collections.Concurrent;
using Microsoft.CodeAnalysis;

namespace Cellar.Engine;

/// <summary>
/// Compiler references by path. One file must be read once only: the compiler takes two readings of one assembly for two assemblies, and
/// then finds their types ambiguous when one cell saw the first and a later cell the second.
/// </summary>
internal static class References
{
    private static readonly ConcurrentDictionary<(string Path, DateTime Written), PortableExecutableReference> Read = new();

    /// <summary>A reference to the assembly in a file.</summary>
    public static PortableExecutableReference ToFile(string path, MetadataReferenceProperties properties = default)
    {
        PortableExecutableReference reference = Read.GetOrAdd((path, File.GetLastWriteTimeUtc(path)), static key => MetadataReference.CreateFromFile(key.Path));
        return properties == default ? reference : reference.WithProperties(properties);
    }
}
