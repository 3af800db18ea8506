using System.Reflection;
using Cellar.Packages;
using Microsoft.CodeAnalysis;

namespace Cellar.Engine;

/// <summary>Brings the packages that a cell names to the compiler and to the cells' loader, and tells the reader.</summary>
/// <param name="session">The notebook's packages.</param>
/// <param name="references">Finds assemblies that other assemblies need.</param>
/// <param name="assemblies">Loads assemblies for the cells.</param>
internal sealed class CellPackages(PackageSession session, CellReferenceResolver references, CellAssemblies assemblies)
{
    /// <summary>Restores and loads what lines <c>#r "nuget: …"</c> and <c>#i "nuget: …"</c> ask for.</summary>
    /// <returns>References for the compiler, and scripts that the packages want run.</returns>
    /// <exception cref="CellFailedException">The packages cannot be restored.</exception>
    public async Task<(IReadOnlyList<MetadataReference> References, IReadOnlyList<string> Extensions)> AddAsync(CodePiece piece, string label, CancellationToken token)
    {
        if (piece.Packages.Count + piece.Sources.Count == 0) return ([], []);
        (int line, string text) = piece.Packages.Count > 0 ? (piece.Packages[0].Line, piece.Packages[0].Text) : (piece.Sources[0].Line, piece.Sources[0].Text);
        var progress = new ProgressLine();
        NewPackages added;
        try
        {
            foreach (SourceLine source in piece.Sources) session.AddSource(source.Source);
            added = await session.AddAsync([.. piece.Packages.Select(p => (p.Name, p.Version))], progress.Show, token);
        }
        catch (Exception e) when (e is PackageException or FormatException or IOException or UnauthorizedAccessException)
        {
            throw new CellFailedException(CellError.Plain("PackageNotRestored", e.Message, label, line + 1, text));
        }

        if (added.News.Length > 0) progress.Show(added.News);
        foreach (string path in added.References) references.Prefer(path);
        foreach (Assembly assembly in added.Loaded) assemblies.Register(assembly);
        return ([.. added.References.Select(path => References.ToFile(path))], added.Extensions);
    }
}
