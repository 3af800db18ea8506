using System.Text;
using System.Xml;
using System.Xml.Linq;
using Cellar.Packages;
using Microsoft.CodeAnalysis;

namespace Cellar.Insight;

/// <summary>
/// Finds the XML documentation of a symbol: in the file beside its assembly, or, for .NET itself, in the SDK's reference pack. Files are
/// searched, not kept: they are large, and a question is rare.
/// </summary>
/// <param name="compilation">Whose references are asked.</param>
internal sealed class Documentation(Compilation compilation)
{
    private static readonly Lazy<string?> FrameworkFolder = new(FindFrameworkFolder);

    /// <summary>The <c>member</c> element of a symbol, <c>inheritdoc</c> followed; null where there is none.</summary>
    public XElement? Of(ISymbol symbol) => Of(symbol, depth: 0);

    private XElement? Of(ISymbol symbol, int depth)
    {
        symbol = ((symbol as IMethodSymbol)?.ReducedFrom ?? symbol).OriginalDefinition;
        XElement? found = Parse(symbol.GetDocumentationCommentXml()) ?? InFiles(symbol); // of a cell, or of an assembly
        if (found?.Element("inheritdoc") is not { } inherit || depth == 8) return found;
        ISymbol? source = inherit.Attribute("cref") is { } cref
            ? DocumentationCommentId.GetFirstSymbolForDeclarationId(cref.Value, compilation)
            : Inherited(symbol);
        return source is null ? found : Of(source, depth + 1);
    }

    private XElement? InFiles(ISymbol symbol)
    {
        if (symbol.ContainingAssembly is not { } assembly || symbol.GetDocumentationCommentId() is not { } id) return null;
        string? path = ((compilation.GetMetadataReference(assembly) as PortableExecutableReference)?.FilePath) ?? ProgramAssemblies.Current.Find(assembly.Name);
        byte[] wanted = Encoding.UTF8.GetBytes($"<member name=\"{SecurityElementEscape(id)}\"");
        return Files(path, assembly.Name).Select(file => Search(file, wanted)).FirstOrDefault(e => e is not null);
    }

    private static string SecurityElementEscape(string text) => text.Replace("&", "&amp;").Replace("<", "&lt;");

    private static IEnumerable<string> Files(string? assemblyPath, string name)
    {
        if (assemblyPath is not null && Path.ChangeExtension(assemblyPath, ".xml") is var beside && File.Exists(beside)) return [beside];
        if (!ProgramAssemblies.Current.FrameworkPaths.Contains(assemblyPath) || FrameworkFolder.Value is not { } folder) return [];
        // The reference pack divides .NET otherwise than its assemblies do: most of System.Private.CoreLib is in the first two.
        string[] likely = [.. new[] { name, "System.Runtime", "System.Collections" }.Select(n => Path.Combine(folder, n + ".xml")).Where(File.Exists)];
        return likely.Concat(Directory.EnumerateFiles(folder, "*.xml").Except(likely));
    }

    private static XElement? Search(string file, byte[] wanted)
    {
        byte[] content = File.ReadAllBytes(file);
        int start = content.AsSpan().IndexOf(wanted);
        if (start < 0) return null;
        int length = content.AsSpan(start).IndexOf("</member>"u8);
        return length < 0 ? null : Parse(Encoding.UTF8.GetString(content, start, length + "</member>".Length));
    }

    private static XElement? Parse(string? xml)
    {
        if (string.IsNullOrWhiteSpace(xml)) return null;
        try
        {
            return XElement.Parse(xml, LoadOptions.PreserveWhitespace);
        }
        catch (XmlException)
        {
            return null; // somebody's documentation is broken
        }
    }

    private static ISymbol? Inherited(ISymbol symbol) => symbol switch
    {
        IMethodSymbol { OverriddenMethod: { } method } => method,
        IPropertySymbol { OverriddenProperty: { } property } => property,
        INamedTypeSymbol type => type.BaseType is { SpecialType: SpecialType.None } parent ? parent : type.Interfaces.FirstOrDefault(),
        _ => symbol.ContainingType?.AllInterfaces.SelectMany(i => i.GetMembers(symbol.Name))
            .FirstOrDefault(member => SymbolEqualityComparer.Default.Equals(symbol.ContainingType.FindImplementationForInterfaceMember(member), symbol)),
    };

    private static string? FindFrameworkFolder()
    {
        string? root = Path.GetDirectoryName(typeof(object).Assembly.Location);
        for (int up = 0; up < 3; up++) root = Path.GetDirectoryName(root);
        string packs = Path.Combine(root ?? "", "packs", "Microsoft.NETCore.App.Ref");
        return !Directory.Exists(packs) ? null : Directory.EnumerateDirectories(packs, $"{Environment.Version.Major}.*")
            .Select(pack => Path.Combine(pack, "ref", $"net{Environment.Version.Major}.0")).LastOrDefault(Directory.Exists);
    }
}
