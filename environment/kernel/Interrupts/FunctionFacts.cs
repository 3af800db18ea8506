using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Cellar.Interrupts;

/// <summary>What becomes of a lambda whose body is an expression.</summary>
internal enum LambdaKind
{
    /// <summary>The code has errors.</summary>
    Unknown,

    /// <summary>Data: an expression tree.</summary>
    Tree,

    /// <summary>The expression is the function's value.</summary>
    Value,

    /// <summary>The expression is executed, and its value, if it has one, is dropped.</summary>
    Statement,
}

/// <summary>What the compiler knows about functions without a name, and about calls.</summary>
/// <param name="model">Called at the first question.</param>
internal sealed class FunctionFacts(Func<SemanticModel> model)
{
    private readonly Lazy<SemanticModel> model = new(model);

    /// <summary>What becomes of a lambda with an expression for a body.</summary>
    public LambdaKind KindOf(LambdaExpressionSyntax lambda)
    {
        if (IsTree(model.Value.GetTypeInfo(lambda).ConvertedType)) return LambdaKind.Tree;
        if (model.Value.GetSymbolInfo(lambda).Symbol is not IMethodSymbol method) return LambdaKind.Unknown;
        bool nothing = method.ReturnsVoid || (method.IsAsync && method.ReturnType is INamedTypeSymbol { IsGenericType: false });
        return nothing ? LambdaKind.Statement : LambdaKind.Value;
    }

    /// <summary>Whether a clause of the query becomes an expression tree.</summary>
    public bool IsTree(QueryExpressionSyntax query) => query.DescendantNodes().Any(node => node switch
    {
        QueryClauseSyntax clause => model.Value.GetQueryClauseInfo(clause) is var info && (TakesTree(info.OperationInfo.Symbol) || TakesTree(info.CastInfo.Symbol)),
        SelectOrGroupClauseSyntax or OrderingSyntax => TakesTree(model.Value.GetSymbolInfo(node).Symbol),
        _ => false,
    });

    /// <summary>Whether a called method is given the text of arguments that hold functions or awaits.</summary>
    public bool TakesTextOf(ExpressionSyntax call) =>
        call.DescendantNodes().Any(node => node is AnonymousFunctionExpressionSyntax or QueryExpressionSyntax or AwaitExpressionSyntax)
        && model.Value.GetSymbolInfo(call).Symbol is IMethodSymbol method
        && (method.ReducedFrom ?? method).Parameters.Any(p => p.GetAttributes().Any(a => a.AttributeClass?.Name == "CallerArgumentExpressionAttribute"));

    /// <summary>Whether a call looks like one of <c>GC.Collect</c>.</summary>
    public static bool MayCollect(InvocationExpressionSyntax call) =>
        call.Expression is IdentifierNameSyntax { Identifier.ValueText: nameof(GC.Collect) } or MemberAccessExpressionSyntax { Name.Identifier.ValueText: nameof(GC.Collect) };

    /// <summary>Whether a call is one of <c>GC.Collect</c>.</summary>
    public bool Collects(InvocationExpressionSyntax call) =>
        model.Value.GetSymbolInfo(call).Symbol is IMethodSymbol { Name: nameof(GC.Collect), ContainingType: { Name: nameof(GC), ContainingNamespace: { Name: nameof(System), ContainingNamespace.IsGlobalNamespace: true } } };

    /// <summary>Whether a block awaits something itself, not only in functions inside it.</summary>
    public static bool Suspends(BlockSyntax block) =>
        block.DescendantNodes(node => node is not (AnonymousFunctionExpressionSyntax or LocalFunctionStatementSyntax)).Any(node =>
            node is AwaitExpressionSyntax or YieldStatementSyntax || (node is CommonForEachStatementSyntax loop && loop.AwaitKeyword.IsKind(SyntaxKind.AwaitKeyword))
            || (node is UsingStatementSyntax use && use.AwaitKeyword.IsKind(SyntaxKind.AwaitKeyword)) || (node is LocalDeclarationStatementSyntax local && local.AwaitKeyword.IsKind(SyntaxKind.AwaitKeyword)));

    /// <summary>Whether a piece of code is, or belongs to, an iterator: whoever asks it for the next element need not be who asked for the first.</summary>
    public static bool Yields(SyntaxNode? code) => code is not null && code.DescendantNodes(node => node is not (AnonymousFunctionExpressionSyntax or LocalFunctionStatementSyntax))
        .Any(node => node is YieldStatementSyntax);

    private static bool TakesTree(ISymbol? symbol) => symbol is IMethodSymbol method && method.Parameters.Any(p => IsTree(p.Type));

    private static bool IsTree(ITypeSymbol? type)
    {
        for (; type is not null; type = type.BaseType)
            if (type is { Name: "LambdaExpression" or "Expression", ContainingNamespace: { Name: "Expressions", ContainingNamespace.Name: "Linq" } }) return true;
        return false;
    }
}
