using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace UnetResnet.Lab.Report;

/// <summary>Colours C# by the compiler's own tokens.</summary>
internal static class CSharpHighlighter
{
    private static readonly CSharpParseOptions Options = new(LanguageVersion.Latest, kind: SourceCodeKind.Script);

    /// <summary>The code as HTML; the text is unchanged, whether it compiles or not.</summary>
    public static string ToHtml(string code)
    {
        var html = new StringBuilder();
        foreach (SyntaxToken token in CSharpSyntaxTree.ParseText(code, Options).GetRoot().DescendantTokens())
        {
            foreach (SyntaxTrivia trivia in token.LeadingTrivia) Append(html, trivia.ToFullString(), ClassOf(trivia));
            Append(html, token.Text, ClassOf(token));
            foreach (SyntaxTrivia trivia in token.TrailingTrivia) Append(html, trivia.ToFullString(), ClassOf(trivia));
        }

        return html.ToString();
    }

    private static void Append(StringBuilder html, string text, string? style)
    {
        if (text.Length == 0) return;
        if (style is null) html.Append(Html.Escape(text));
        else html.Append($"<span class=\"{style}\">").Append(Html.Escape(text)).Append("</span>");
    }

    private static string? ClassOf(SyntaxTrivia trivia) => trivia.Kind() switch
    {
        SyntaxKind.SingleLineCommentTrivia or SyntaxKind.MultiLineCommentTrivia
            or SyntaxKind.SingleLineDocumentationCommentTrivia or SyntaxKind.MultiLineDocumentationCommentTrivia => "c-comment",
        _ => trivia.IsDirective ? "c-directive" : null,
    };

    private static string? ClassOf(SyntaxToken token)
    {
        if (token.IsKeyword() || (token.IsContextualKeyword() && !token.IsKind(SyntaxKind.IdentifierToken))) return "c-keyword";
        return token.Kind() switch
        {
            SyntaxKind.NumericLiteralToken => "c-number",
            SyntaxKind.IdentifierToken => ClassOfName(token),
            SyntaxKind.StringLiteralToken or SyntaxKind.CharacterLiteralToken or SyntaxKind.InterpolatedStringTextToken
                or SyntaxKind.InterpolatedStringStartToken or SyntaxKind.InterpolatedStringEndToken or SyntaxKind.InterpolatedVerbatimStringStartToken
                or SyntaxKind.InterpolatedSingleLineRawStringStartToken or SyntaxKind.InterpolatedMultiLineRawStringStartToken
                or SyntaxKind.InterpolatedRawStringEndToken or SyntaxKind.SingleLineRawStringLiteralToken
                or SyntaxKind.MultiLineRawStringLiteralToken or SyntaxKind.Utf8StringLiteralToken => "c-string",
            _ => null,
        };
    }

    private static string? ClassOfName(SyntaxToken name) => name.Parent switch
    {
        IdentifierNameSyntax { Identifier.Text: "var", Parent: VariableDeclarationSyntax or ForEachStatementSyntax or DeclarationExpressionSyntax } => "c-keyword",
        BaseTypeDeclarationSyntax => "c-type",
        MethodDeclarationSyntax or LocalFunctionStatementSyntax => "c-call",
        SimpleNameSyntax simple => ClassOfUse(simple),
        _ => null,
    };

    private static string? ClassOfUse(SimpleNameSyntax name) => name.Parent switch
    {
        ObjectCreationExpressionSyntax or VariableDeclarationSyntax or ParameterSyntax or TypeArgumentListSyntax or BaseTypeSyntax => "c-type",
        CastExpressionSyntax or TypeOfExpressionSyntax or NullableTypeSyntax or ArrayTypeSyntax => "c-type",
        InvocationExpressionSyntax => "c-call",
        MemberAccessExpressionSyntax { Parent: InvocationExpressionSyntax } member when member.Name == name => "c-call",
        _ => null,
    };
}
