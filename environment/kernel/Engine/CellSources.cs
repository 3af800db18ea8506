using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Text;

namespace Cellar.Engine;

/// <summary>Finds files for <c>#load</c>, and leaves the labels of cells alone where the base class would make paths of them.</summary>
/// <param name="folder">The notebook's folder.</param>
/// <param name="instead">Texts to take instead of those of files, by path.</param>
internal sealed class CellSources(string folder, IReadOnlyDictionary<string, SourceText>? instead) : SourceFileResolver([], folder)
{
    public override string NormalizePath(string path, string? baseFilePath) => path;

    public override SourceText ReadText(string resolvedPath) =>
        instead?.GetValueOrDefault(resolvedPath) ?? base.ReadText(resolvedPath);

    // Two resolvers with other texts are not the same.
    public override bool Equals(object? obj) => ReferenceEquals(this, obj);

    public override int GetHashCode() => System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(this);
}
