using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace UnetResnet.Tests.Runtime;

/// <summary>Finds the places in C# sources where a figure becomes text, or text a figure, in the culture of the thread.</summary>
internal static class InvariantFormats
{
    private const string ImplicitUsings = "global using System; global using System.Collections.Generic; global using System.IO; global using System.Linq; global using System.Net.Http; global using System.Threading; global using System.Threading.Tasks;";

    /// <summary>The violations, each with its place.</summary>
    public static IReadOnlyList<string> Violations(IEnumerable<(string Path, string Text)> sources)
    {
        var options = new CSharpParseOptions(LanguageVersion.Preview);
        SyntaxTree[] trees = [.. sources.Select(s => CSharpSyntaxTree.ParseText(s.Text, options, s.Path)), CSharpSyntaxTree.ParseText(ImplicitUsings, options)];
        IEnumerable<MetadataReference> references = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Where(path => !Path.GetFileName(path).StartsWith("UnetResnet", StringComparison.Ordinal)).Select(path => MetadataReference.CreateFromFile(path));
        var compilation = CSharpCompilation.Create("culture", trees, references, new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, nullableContextOptions: NullableContextOptions.Enable, allowUnsafe: true));
        return [.. trees.SelectMany(tree =>
        {
            SemanticModel model = compilation.GetSemanticModel(tree);
            return tree.GetRoot().DescendantNodes().Where(node => Depends(node, model)).Select(node => $"{Path.GetFileName(tree.FilePath)}:{node.GetLocation().GetLineSpan().StartLinePosition.Line + 1} {node}");
        })];
    }

    private static bool Depends(SyntaxNode node, SemanticModel model) => node switch
    {
        InterpolationSyntax hole => (IsFigure(Type(hole.Expression, model)) || hole.FormatClause is not null && IsNumber(Type(hole.Expression, model)) && hole.FormatClause.FormatStringToken.Text[0] is not ('x' or 'X'))
            && !IsInvariant(hole, model),
        BinaryExpressionSyntax { RawKind: (int)SyntaxKind.AddExpression } sum => Type(sum, model)?.SpecialType == SpecialType.System_String && (IsFigure(Type(sum.Left, model)) || IsFigure(Type(sum.Right, model))),
        InvocationExpressionSyntax call when model.GetSymbolInfo(call).Symbol is IMethodSymbol method => Calls(method, call, model),
        // The compiler writes a record's figures in the culture of the thread.
        RecordDeclarationSyntax record => model.GetDeclaredSymbol(record) is INamedTypeSymbol type && type.DeclaredAccessibility == Accessibility.Public && PrintsFigures(type),
        _ => false,
    };

    private static bool Calls(IMethodSymbol method, InvocationExpressionSyntax call, SemanticModel model)
    {
        bool hasProvider = method.Parameters.Any(p => p.Type.Name is "IFormatProvider" or "CultureInfo");
        ITypeSymbol? of = method.ContainingType;
        return method.Name switch
        {
            "ToString" => !hasProvider && call.Expression is MemberAccessExpressionSyntax member && (IsFigure(Type(member.Expression, model)) || IsNumber(Type(member.Expression, model)) && method.Parameters.Length > 0 && !call.ArgumentList.ToString().Contains("\"x", StringComparison.OrdinalIgnoreCase)),
            "Parse" or "TryParse" => !hasProvider && IsNumber(of),
            "Append" or "Write" or "WriteLine" => call.ArgumentList.Arguments is [var only] && IsFigure(Type(only.Expression, model)) && of is { Name: "StringBuilder" or "TextWriter" or "Console" },
            "Join" or "Concat" => of?.SpecialType == SpecialType.System_String && (method.TypeArguments.Any(IsFigure) || call.ArgumentList.Arguments.Any(a => IsFigure(Type(a.Expression, model)))),
            "ToDouble" or "ToSingle" or "ToDecimal" => of?.Name == "Convert" && !hasProvider,
            _ => false,
        };
    }

    private static bool PrintsFigures(INamedTypeSymbol type)
    {
        for (INamedTypeSymbol? t = type; t is not null; t = t.BaseType)
        {
            if (t.GetMembers("ToString").OfType<IMethodSymbol>().Any(m => !m.IsImplicitlyDeclared && m.Parameters.IsEmpty && m.IsOverride && t.SpecialType == SpecialType.None && t.Name is not "ValueType")) return false;
        }

        return type.GetMembers().OfType<IPropertySymbol>().Any(p => p.DeclaredAccessibility == Accessibility.Public && !p.IsStatic && IsFigure(p.Type));
    }

    /// <summary>Whether the text is made by <c>string.Create(CultureInfo.InvariantCulture, …)</c> or <c>FormattableString.Invariant(…)</c>.</summary>
    private static bool IsInvariant(InterpolationSyntax hole, SemanticModel model) =>
        hole.Ancestors().OfType<InvocationExpressionSyntax>().Any(call => model.GetSymbolInfo(call).Symbol is IMethodSymbol { Name: "Create" or "Invariant" or "Append" or "AppendFormat" } && call.ToString().Contains("Invariant", StringComparison.Ordinal));

    private static ITypeSymbol? Type(ExpressionSyntax expression, SemanticModel model) => model.GetTypeInfo(expression).Type;

    private static bool IsFigure(ITypeSymbol? type) => Underlying(type) is { } t
        && (t.SpecialType is SpecialType.System_Double or SpecialType.System_Single or SpecialType.System_Decimal or SpecialType.System_DateTime || t is { Name: "DateTimeOffset" or "DateOnly" or "TimeOnly" or "Half", ContainingNamespace.Name: "System" });

    private static bool IsNumber(ITypeSymbol? type) => IsFigure(type) || Underlying(type)?.SpecialType is >= SpecialType.System_SByte and <= SpecialType.System_UInt64;

    private static ITypeSymbol? Underlying(ITypeSymbol? type) => type is INamedTypeSymbol { OriginalDefinition.SpecialType: SpecialType.System_Nullable_T } nullable ? nullable.TypeArguments[0] : type;
}
