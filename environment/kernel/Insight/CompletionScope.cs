using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Cellar.Insight;

/// <summary>The symbols that the name at a place could mean.</summary>
/// <param name="model">Of the code with a name at the place.</param>
/// <param name="position">Where the name begins.</param>
internal sealed class CompletionScope(SemanticModel model, int position)
{
    /// <summary>Whether the name stands right of a dot, or sets a member in braces.</summary>
    public bool IsMember(SimpleNameSyntax name) => Left(name) is not null || Initialized(name) is not null;

    /// <summary>Members of what stands left of the dot or in front of the braces, else everything in scope.</summary>
    public IEnumerable<ISymbol> Of(SimpleNameSyntax name)
    {
        IEnumerable<ISymbol> symbols =
            Left(name) is { } left ? MembersOf(left)
            : Initialized(name) is { } type ? model.LookupSymbols(position, type).Where(s => s is IFieldSymbol { IsReadOnly: false, IsStatic: false } or IPropertySymbol { SetMethod: not null, IsStatic: false, IsIndexer: false })
            : model.LookupSymbols(position).Where(s => s is not ILocalSymbol || s.Locations[0].SourceSpan.Start < position);
        return symbols.Where(s => s.CanBeReferencedByName && s.Name.Length > 0 && !s.Name.Contains('<') && !s.Name.Contains('#'));
    }

    /// <summary>Names of the parameters, where the name begins an argument of a call.</summary>
    public IEnumerable<Match> Parameters(SimpleNameSyntax name)
    {
        if (name.Parent is not ArgumentSyntax { NameColon: null, Parent: BaseArgumentListSyntax { Parent: { } call } }) return [];
        SymbolInfo info = model.GetSymbolInfo(call);
        IEnumerable<ISymbol> called = info.Symbol is { } symbol ? [symbol] : info.CandidateSymbols;
        return called.OfType<IMethodSymbol>().SelectMany(m => m.Parameters).Select(p => new Match(p.Name + ":", "param")).Distinct();
    }

    private static SyntaxNode? Left(SimpleNameSyntax name) => name.Parent switch
    {
        MemberAccessExpressionSyntax access when access.Name == name => access.Expression,
        QualifiedNameSyntax qualified when qualified.Right == name => qualified.Left,
        MemberBindingExpressionSyntax => name.FirstAncestorOrSelf<ConditionalAccessExpressionSyntax>()?.Expression,
        _ => null,
    };

    private ITypeSymbol? Initialized(SimpleNameSyntax name)
    {
        SyntaxNode? element = name.Parent is AssignmentExpressionSyntax assignment && assignment.Left == name ? assignment : name;
        if (element.Parent is not InitializerExpressionSyntax { Parent: ExpressionSyntax made } braces) return null;
        ITypeSymbol? type = model.GetTypeInfo(made).Type;
        // A name without "=" looks like an element of a collection.
        bool collection = braces.IsKind(SyntaxKind.CollectionInitializerExpression) && type?.AllInterfaces.Any(i => i.SpecialType == SpecialType.System_Collections_IEnumerable) != false;
        return collection || braces.IsKind(SyntaxKind.ArrayInitializerExpression) ? null : type;
    }

    private IEnumerable<ISymbol> MembersOf(SyntaxNode left)
    {
        // What the parser took for the name of a type may be meant as a variable: it is bound again as an expression.
        bool speculative = left.Parent is QualifiedNameSyntax;
        ExpressionSyntax expression = speculative ? SyntaxFactory.ParseExpression(left.ToString()) : (ExpressionSyntax)left;
        SymbolInfo info = speculative
            ? model.GetSpeculativeSymbolInfo(position, expression, SpeculativeBindingOption.BindAsExpression)
            : model.GetSymbolInfo(expression);
        ISymbol? symbol = info.Symbol ?? info.CandidateSymbols.FirstOrDefault();
        if (symbol is IAliasSymbol alias) symbol = alias.Target;
        if (symbol is INamespaceSymbol space) return model.LookupNamespacesAndTypes(position, space);
        if (symbol is ITypeSymbol named) return model.LookupSymbols(position, named).Where(s => s.IsStatic || s is ITypeSymbol);

        ITypeSymbol? type = (speculative ? model.GetSpeculativeTypeInfo(position, expression, SpeculativeBindingOption.BindAsExpression) : model.GetTypeInfo(expression)).Type;
        if (type is null or IErrorTypeSymbol) return [];
        if (left.Parent is ConditionalAccessExpressionSyntax && type is INamedTypeSymbol { OriginalDefinition.SpecialType: SpecialType.System_Nullable_T } nullable) type = nullable.TypeArguments[0];
        IEnumerable<ISymbol> members = model.LookupSymbols(position, type, includeReducedExtensionMethods: true).Where(s => s is not ITypeSymbol);
        return symbol?.Name == type.Name ? members : members.Where(s => !s.IsStatic); // a property Color of the type Color is both
    }
}
