using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Cellar.Engine;

/// <summary>A cell, compiled and not yet run.</summary>
/// <param name="Compilation">What later cells build upon.</param>
/// <param name="Image">The assembly; null where the cell holds nothing to run.</param>
/// <param name="Symbols">Its lines.</param>
internal sealed record CompiledCell(CSharpCompilation Compilation, MemoryStream? Image, MemoryStream? Symbols)
{
    /// <summary>
    /// Whether later cells can refer to something of this one. Those of which they cannot are left out of what the compiler looks through, so that a thousand cells that only
    /// print cost neither memory nor time.
    /// </summary>
    public bool DeclaresSomething =>
        Compilation.ScriptClass is not { } type || type.GetMembers().Any(m => !m.IsImplicitlyDeclared && m is not IMethodSymbol { MethodKind: MethodKind.Constructor })
        || Compilation.ExternalReferences.Length > 0
        || Compilation.SyntaxTrees.Any(tree => tree.GetCompilationUnitRoot() is var root && (root.Usings.Count > 0 || root.Externs.Count > 0 || root.ContainsDirectives));

    /// <summary>Whether the code ends in an expression with a value.</summary>
    public bool EndsWithExpression
    {
        get
        {
            SyntaxTree tree = Compilation.SyntaxTrees[^1];
            return tree.GetCompilationUnitRoot().Members is [.., GlobalStatementSyntax { Statement: ExpressionStatementSyntax { SemicolonToken.IsMissing: true } last }]
                && Compilation.GetSemanticModel(tree).GetTypeInfo(last.Expression).Type is { SpecialType: not SpecialType.System_Void };
        }
    }
}
