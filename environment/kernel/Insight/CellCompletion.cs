using Cellar.Engine;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Cellar.Insight;

/// <summary>A name that could stand at the cursor.</summary>
/// <param name="Text">What replaces the letters typed so far.</param>
/// <param name="Kind">Jupyter's word for what it is: <c>function</c>, <c>class</c>, <c>property</c> …</param>
/// <param name="Signature">A method's parameters; empty for all else.</param>
internal sealed record Match(string Text, string Kind, string Signature = "");

/// <summary>What could stand at a cursor.</summary>
/// <param name="Typed">How many UTF-16 units in front of the cursor a match replaces.</param>
/// <param name="Matches">In the order to show them.</param>
internal sealed record Completion(int Typed, IReadOnlyList<Match> Matches)
{
    public static readonly Completion None = new(0, []);
}

/// <summary>
/// Completes names in C# with the compiler's own binder: an identifier is put at the cursor, and the names are looked up that are in scope
/// there, or members of what stands left of the dot.
/// </summary>
internal static class CellCompletion
{
    private const string Mark = "Cursor__";

    private static readonly string[] Keywords =
    [
        .. SyntaxFacts.GetReservedKeywordKinds().Select(SyntaxFacts.GetText).Where(k => !k.StartsWith('_')),
        "async", "await", "dynamic", "init", "nameof", "not", "partial", "record", "required", "var", "when", "where", "with", "yield",
    ];

    /// <summary>What could stand at the cursor of a cell.</summary>
    /// <param name="engine">Has executed the cells before this one.</param>
    /// <param name="cursor">Where in the cell.</param>
    public static async Task<Completion> OfAsync(NotebookEngine engine, CellCursor cursor)
    {
        if (LineCompletion.Of(cursor.BeforeOnLine, engine.Folder) is { } whole) return whole;
        if (cursor.InCode() is not var (piece, offset)) return Completion.None;

        string code = piece.Code;
        int start = offset, end = offset;
        while (start > 0 && SyntaxFacts.IsIdentifierPartCharacter(code[start - 1])) start--;
        while (end < code.Length && SyntaxFacts.IsIdentifierPartCharacter(code[end])) end++;
        if (start > 0 && code[start - 1] == '@') start--;
        string typed = code[start..offset];
        if (typed.Length > 0 && char.IsDigit(typed[0])) return Completion.None;

        // At the end of a line a semicolon keeps the next line out of the expression that is being written.
        string rest = code[end..];
        string close = rest.Split('\n', 2)[0].Trim().Length == 0 ? ";" : "";
        Compilation compilation = await engine.SketchAsync(piece with { Code = code[..start] + typed + Mark + close + rest });
        SyntaxTree tree = compilation.SyntaxTrees.Last();
        SyntaxToken token = (await tree.GetRootAsync()).FindToken(start);
        if (token.SpanStart != start || token.Parent is not SimpleNameSyntax name) return Completion.None; // in a string or a comment, or a new name
        var scope = new CompletionScope(compilation.GetSemanticModel(tree), start);
        IEnumerable<Match> matches = scope.Of(name).Select(Describe);
        if (!scope.IsMember(name)) matches = matches.Concat(scope.Parameters(name)).Concat(Keywords.Select(k => new Match(k, "keyword")));
        return new Completion(typed.Length, [.. Choose(matches, typed)]);
    }

    private static IEnumerable<Match> Choose(IEnumerable<Match> matches, string typed) =>
        from match in matches
        where match.Text.StartsWith(typed, StringComparison.OrdinalIgnoreCase)
        group match by match.Text into same
        let first = same.MinBy(m => m.Kind == "keyword")!
        let more = same.Count(m => m.Kind == "function") - 1
        orderby !first.Text.StartsWith(typed, StringComparison.Ordinal), first.Text.ToUpperInvariant()
        select more > 0 ? first with { Signature = $"{first.Signature} (+ {more} more)" } : first;

    private static Match Describe(ISymbol symbol)
    {
        string text = SyntaxFacts.GetKeywordKind(symbol.Name) == SyntaxKind.None ? symbol.Name : "@" + symbol.Name;
        return symbol switch
        {
            IMethodSymbol method => new Match(text, "function", $"({string.Join(", ", method.Parameters.Select(p => $"{p.Type.ToDisplayString(SymbolDisplayFormat.MinimallyQualifiedFormat)} {p.Name}"))})"),
            INamespaceSymbol => new Match(text, "module"),
            ITypeSymbol => new Match(text, "class"),
            IPropertySymbol => new Match(text, "property"),
            IParameterSymbol => new Match(text, "param"),
            _ => new Match(text, "instance"),
        };
    }
}
