using System.Xml.Linq;
using Cellar.Engine;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Cellar.Insight;

/// <summary>What is known of the name at a cursor.</summary>
/// <param name="Text">As plain text.</param>
/// <param name="Markdown">The same as Markdown.</param>
internal sealed record Inspection(string Text, string Markdown);

/// <summary>Tells about the name at the cursor, or about the method whose arguments are being written.</summary>
internal static class CellInspection
{
    private const int MostOverloads = 12;

    private static readonly SymbolDisplayFormat Format = SymbolDisplayFormat.MinimallyQualifiedFormat
        .WithMemberOptions(SymbolDisplayFormat.MinimallyQualifiedFormat.MemberOptions | SymbolDisplayMemberOptions.IncludeAccessibility | SymbolDisplayMemberOptions.IncludeModifiers)
        .WithKindOptions(SymbolDisplayKindOptions.IncludeNamespaceKeyword | SymbolDisplayKindOptions.IncludeTypeKeyword);

    /// <summary>What is known of the place, or null.</summary>
    /// <param name="engine">Has executed the cells before this one.</param>
    /// <param name="cursor">Where in the cell.</param>
    /// <param name="more">Whether everything is wanted, remarks too.</param>
    public static async Task<Inspection?> OfAsync(NotebookEngine engine, CellCursor cursor, bool more)
    {
        if (cursor.InCode() is not var (piece, offset))
            return MagicCommand(cursor) is { } magic ? new Inspection(magic, magic) : null;

        Compilation compilation = await engine.SketchAsync(piece);
        SyntaxTree tree = compilation.SyntaxTrees.Last();
        SemanticModel model = compilation.GetSemanticModel(tree);
        IReadOnlyList<ISymbol> symbols = Symbols(model, TokenAt(await tree.GetRootAsync(), offset));
        if (symbols.Count == 0) return null;

        string[] lines = [.. symbols.Take(MostOverloads).Select(s => Line(s, engine))];
        if (symbols.Count > MostOverloads) lines = [.. lines, $"// and {symbols.Count - MostOverloads} more overloads"];
        string signature = string.Join('\n', lines);
        var documentation = new Documentation(compilation);
        XElement? member = symbols.Select(documentation.Of).FirstOrDefault(d => d is not null) ?? (TypeOf(symbols[0]) is { } type ? documentation.Of(type) : null);
        string Written(bool markdown) => member is null ? "" : "\n\n" + new DocumentationText(markdown).Of(member, more);
        return new Inspection(signature + Written(false), $"```csharp\n{signature}\n```{Written(true)}");
    }

    private static string? MagicCommand(CellCursor cursor)
    {
        string name = cursor.Line.TrimStart().TrimStart('#', '!').Split(' ')[0];
        return Magic.Known.TryGetValue(name, out string? does) ? $"#!{name}: {does}" : null;
    }

    /// <summary>The token around the place; at the border of two, a name wins.</summary>
    private static SyntaxToken TokenAt(SyntaxNode root, int offset)
    {
        SyntaxToken token = root.FindToken(Math.Min(offset, Math.Max(0, root.FullSpan.End - 1)));
        SyntaxToken before = token.GetPreviousToken();
        return before.Span.End == offset && before.IsKind(SyntaxKind.IdentifierToken) || token.IsKind(SyntaxKind.EndOfFileToken) || token.SpanStart > offset ? before : token;
    }

    private static IReadOnlyList<ISymbol> Symbols(SemanticModel model, SyntaxToken token)
    {
        if (token.Parent is not { } node) return [];
        bool named = token.IsKind(SyntaxKind.IdentifierToken) || SyntaxFacts.IsPredefinedType(token.Kind());
        if (named)
        {
            if (model.GetDeclaredSymbol(node) is { } declared) return [declared];
            if (node is ExpressionSyntax expression && Called(model, expression) is { Count: > 0 } symbols) return symbols;
        }

        return node.FirstAncestorOrSelf<BaseArgumentListSyntax>()?.Parent switch
        {
            InvocationExpressionSyntax call => Called(model, call.Expression),
            BaseObjectCreationExpressionSyntax creation => Called(model, creation),
            _ => [],
        };
    }

    /// <summary>What an expression names: the method that is meant first, then its other overloads.</summary>
    private static IReadOnlyList<ISymbol> Called(SemanticModel model, ExpressionSyntax expression)
    {
        SymbolInfo info = model.GetSymbolInfo(expression);
        ISymbol[] found = info.Symbol is { } symbol ? [symbol] : [.. info.CandidateSymbols];
        if (found is [] or [IMethodSymbol, ..]) found = [.. found.Concat(model.GetMemberGroup(expression)).Distinct(SymbolEqualityComparer.Default)];
        return found is [IAliasSymbol alias] ? [alias.Target] : found;
    }

    /// <summary>The type of a variable, whose documentation is the next best thing.</summary>
    private static ITypeSymbol? TypeOf(ISymbol symbol) => symbol switch
    {
        IFieldSymbol { ContainingType.IsScriptClass: true } variable => variable.Type,
        ILocalSymbol local => local.Type,
        IParameterSymbol parameter => parameter.Type,
        IMethodSymbol { MethodKind: MethodKind.Constructor } constructor => constructor.ContainingType,
        _ => null,
    };

    /// <summary>A declaration; variables of the notebook with their value, where looking at it runs nobody's code.</summary>
    private static string Line(ISymbol symbol, NotebookEngine engine)
    {
        if (symbol is not IFieldSymbol { ContainingType.IsScriptClass: true } variable) return symbol.ToDisplayString(Format);
        string line = $"{variable.Type.ToDisplayString(SymbolDisplayFormat.MinimallyQualifiedFormat)} {variable.Name}";
        return engine.Variable(variable.Name) switch
        {
            string text => $"{line} = {SymbolDisplay.FormatLiteral(text.Length > 200 ? text[..200] + "…" : text, quote: true)}",
            IConvertible value when value is Enum || value.GetType().Assembly == typeof(object).Assembly => $"{line} = {SymbolDisplay.FormatPrimitive(value, quoteStrings: true, useHexadecimalNumbers: false) ?? value.ToString(null)}",
            _ => line,
        };
    }
}
