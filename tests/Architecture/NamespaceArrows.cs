using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace UnetResnet.Tests.Architecture;

/// <summary>Code in one namespace that uses something of another.</summary>
/// <param name="From">The namespace of the code.</param>
/// <param name="To">The namespace that it uses.</param>
/// <param name="Where">The first place: file, line and name.</param>
internal sealed record NamespaceArrow(string From, string To, string Where);

/// <summary>Which namespaces use which, as the compiler understands the sources: also where no <c>using</c> shows it, as between a namespace and one below it.</summary>
internal static class NamespaceArrows
{
    private const string ImplicitUsings = """
        global using System; global using System.Collections.Generic; global using System.IO; global using System.Linq; global using System.Net.Http;
        global using System.Threading; global using System.Threading.Tasks;
        """;

    /// <summary>Several programs with an entry point are looked at together, and no generator completes regular expressions.</summary>
    private static readonly string[] Harmless = ["CS0017", "CS7022", "CS8795", "CS8805"];

    /// <summary>Reads the C# files below folders.</summary>
    public static IEnumerable<(string Path, string Text)> Sources(string root, params string[] folders) =>
        from folder in folders
        from file in Directory.GetFiles(Path.Combine(root, folder), "*.cs", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
        let path = Path.GetRelativePath(root, file)
        where !path.Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj" or "tests") && !path.EndsWith(".ImageSharp.cs", StringComparison.Ordinal)
        select (path, File.ReadAllText(file));

    /// <summary>One arrow for every pair of namespaces declared in the sources.</summary>
    /// <param name="assembly">Name of the assembly that they are compiled as, which decides whose internals they see.</param>
    /// <param name="sources">Paths and texts.</param>
    /// <param name="without">Assemblies that the sources themselves make.</param>
    public static IReadOnlyList<NamespaceArrow> Of(string assembly, IEnumerable<(string Path, string Text)> sources, params string[] without)
    {
        var options = new CSharpParseOptions(LanguageVersion.Latest, DocumentationMode.None).WithPreprocessorSymbols("NET");
        SyntaxTree[] trees = [CSharpSyntaxTree.ParseText(ImplicitUsings, options), .. sources.Select(s => CSharpSyntaxTree.ParseText(s.Text, options, s.Path))];
        IEnumerable<string> references = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Where(path => !without.Contains(Path.GetFileNameWithoutExtension(path)));
        var compilation = CSharpCompilation.Create(
            assembly, trees, references.Select(path => MetadataReference.CreateFromFile(path)),
            new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, allowUnsafe: true, nullableContextOptions: NullableContextOptions.Enable));
        // Where something is not understood, an arrow could be missed.
        Assert.Empty(compilation.GetDiagnostics().Where(d => d.Severity == DiagnosticSeverity.Error && !Harmless.Contains(d.Id)).Take(5));

        var arrows = new Dictionary<(string, string), NamespaceArrow>();
        foreach (SyntaxTree tree in trees)
        {
            SemanticModel model = compilation.GetSemanticModel(tree);
            foreach (SimpleNameSyntax name in tree.GetRoot().DescendantNodes(n => n is not UsingDirectiveSyntax).OfType<SimpleNameSyntax>())
            {
                if (model.GetSymbolInfo(name).Symbol is not { } symbol || symbol is INamespaceSymbol || !SymbolEqualityComparer.Default.Equals(symbol.ContainingAssembly, compilation.Assembly)) continue;
                string from = name.Ancestors().OfType<BaseNamespaceDeclarationSyntax>().FirstOrDefault()?.Name.ToString() ?? "";
                string to = symbol.ContainingNamespace.ToDisplayString();
                if (from == to || from.Length == 0) continue;
                arrows.TryAdd((from, to), new NamespaceArrow(from, to, $"{tree.FilePath}({tree.GetLineSpan(name.Span).StartLinePosition.Line + 1}): {name}"));
            }
        }

        return [.. arrows.Values];
    }

    /// <summary>The circles: every namespace from which arrows lead back to it, with the arrows of the shortest way; each circle once.</summary>
    public static IReadOnlyList<string> Circles(IReadOnlyList<NamespaceArrow> arrows)
    {
        var circles = new List<string>();
        var reported = new HashSet<string>();
        foreach (string start in arrows.Select(a => a.From).Distinct().Order(StringComparer.Ordinal))
        {
            var ways = new Queue<NamespaceArrow[]>(arrows.Where(a => a.From == start).Select(a => new[] { a }));
            var seen = new HashSet<string>();
            while (!reported.Contains(start) && ways.TryDequeue(out NamespaceArrow[]? way))
            {
                if (way[^1].To == start)
                {
                    circles.Add(string.Join(Environment.NewLine, way.Select(a => $"{a.From} → {a.To}  {a.Where}")));
                    reported.UnionWith(way.Select(a => a.From));
                    break;
                }

                if (!seen.Add(way[^1].To)) continue;
                foreach (NamespaceArrow next in arrows.Where(a => a.From == way[^1].To)) ways.Enqueue([.. way, next]);
            }
        }

        return circles;
    }
}
