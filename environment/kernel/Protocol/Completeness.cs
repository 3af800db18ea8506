using System.Text.Json.Nodes;
using Cellar.Engine;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Cellar.Protocol;

/// <summary>Whether code can be run as it stands or a console should ask for another line.</summary>
internal static class Completeness
{
    private static readonly CSharpParseOptions Options = new(LanguageVersion.Latest, kind: SourceCodeKind.Script);

    /// <summary>The content of <c>is_complete_reply</c>.</summary>
    public static JsonObject Of(string code)
    {
        foreach (CodePiece piece in CellParser.Split(code).OfType<CodePiece>())
        {
            SyntaxTree tree = CSharpSyntaxTree.ParseText(piece.Code, Options);
            if (!SyntaxFactory.IsCompleteSubmission(tree))
            {
                string[] lines = code.Split('\n');
                string indent = new([.. lines[^1].TakeWhile(char.IsWhiteSpace)]);
                return new JsonObject { ["status"] = "incomplete", ["indent"] = lines[^1].TrimEnd().EndsWith('{') ? indent + "    " : indent };
            }

            if (tree.GetDiagnostics().Any(d => d.Severity == DiagnosticSeverity.Error)) return new JsonObject { ["status"] = "invalid" };
        }

        return new JsonObject { ["status"] = "complete" };
    }
}
