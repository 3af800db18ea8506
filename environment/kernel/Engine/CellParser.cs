using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Cellar.Engine;

/// <summary>A piece of a cell: C# to run, a magic command, or text in another language.</summary>
/// <param name="FirstLine">Line of the cell the piece begins on, from 0.</param>
internal abstract record CellPiece(int FirstLine);

/// <summary>
/// C#, padded with empty lines in front so that its line numbers are those of the cell. The packages named by <c>#r "nuget: …"</c>
/// and the sources named by <c>#i "nuget: …"</c> are listed, and those lines blank in the code.
/// </summary>
internal sealed record CodePiece(int FirstLine, string Code, IReadOnlyList<PackageLine> Packages) : CellPiece(FirstLine)
{
    /// <summary>Lines <c>#i "nuget: …"</c>.</summary>
    public IReadOnlyList<SourceLine> Sources { get; init; } = [];
}

/// <summary>A line <c>#!name argument</c>.</summary>
internal sealed record MagicPiece(int FirstLine, string Name, string Argument, string Text) : CellPiece(FirstLine);

/// <summary>Text below <c>#!markdown</c>, <c>#!html</c> or <c>#!javascript</c>.</summary>
internal sealed record TextPiece(int FirstLine, string Language, string Text) : CellPiece(FirstLine);

/// <summary><c>#r "nuget: Name, Version"</c>; the version may be empty.</summary>
internal sealed record PackageLine(int Line, string Name, string Version, string Text);

/// <summary><c>#i "nuget: source"</c>: where packages are sought besides NuGet's configured sources.</summary>
internal sealed record SourceLine(int Line, string Source, string Text);

/// <summary>Splits a cell at its magic commands, which only the compiler's own parser can tell from lines of a string or of a comment.</summary>
internal static partial class CellParser
{
    private static readonly CSharpParseOptions Options = new(LanguageVersion.Latest, kind: SourceCodeKind.Script);

    public static IReadOnlyList<CellPiece> Split(string cell)
    {
        string[] lines = cell.ReplaceLineEndings("\n").Split('\n');
        var pieces = new List<CellPiece>();
        string language = Magic.CSharp;
        for (int first = 0; first < lines.Length;)
        {
            int magicLine = language == Magic.CSharp ? FindMagic(lines, first) : FindLanguage(lines, first);
            AddPiece(pieces, language, lines, first, magicLine);
            if (magicLine == lines.Length) break;

            string text = lines[magicLine].Trim();
            string[] words = text[2..].Split((char[]?)null, 2, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            string name = words.Length > 0 ? words[0] : "";
            if (Magic.LanguageOf(name) is { } other) language = other;
            else pieces.Add(new MagicPiece(magicLine, name, words.Length > 1 ? words[1].Trim('"') : "", text));
            first = magicLine + 1;
        }

        return pieces;
    }

    private static void AddPiece(List<CellPiece> pieces, string language, string[] lines, int first, int end)
    {
        string text = string.Join('\n', lines[first..end]);
        if (string.IsNullOrWhiteSpace(text)) return;
        pieces.Add(language == Magic.CSharp ? Code(first, text) : new TextPiece(first, language, text));
    }

    private static int FindMagic(string[] lines, int first)
    {
        string rest = string.Join('\n', lines[first..]);
        if (!rest.Contains("#!")) return lines.Length;
        SyntaxTree tree = CSharpSyntaxTree.ParseText(rest, Options);
        foreach (SyntaxTrivia trivia in tree.GetRoot().DescendantTrivia())
        {
            if (trivia.IsDirective && trivia.ToString().StartsWith("#!", StringComparison.Ordinal))
                return first + tree.GetLineSpan(trivia.Span).StartLinePosition.Line;
        }

        return lines.Length;
    }

    /// <summary>In other languages any line may begin with <c>#!</c>: only the name of a language ends them.</summary>
    private static int FindLanguage(string[] lines, int first)
    {
        int index = Array.FindIndex(lines, first, l => l.StartsWith("#!", StringComparison.Ordinal) && Magic.LanguageOf(l[2..].Trim()) is not null);
        return index < 0 ? lines.Length : index;
    }

    private static CodePiece Code(int first, string text)
    {
        var packages = new List<PackageLine>();
        var sources = new List<SourceLine>();
        if (text.Contains("nuget", StringComparison.OrdinalIgnoreCase))
        {
            string[] lines = text.Split('\n');
            SyntaxTree tree = CSharpSyntaxTree.ParseText(text, Options);
            foreach (DirectiveTriviaSyntax any in tree.GetCompilationUnitRoot().DescendantNodes(descendIntoTrivia: true).OfType<DirectiveTriviaSyntax>())
            {
                if (SourceDirective().Match(any.ToString()) is { Success: true } source) // no directive of C#
                {
                    int number = any.GetLocation().GetLineSpan().StartLinePosition.Line;
                    sources.Add(new SourceLine(first + number, source.Groups[1].Value.Trim(), lines[number].Trim()));
                    lines[number] = "";
                }

                if (any is not ReferenceDirectiveTriviaSyntax directive) continue;
                string[] parts = directive.File.ValueText.Split(':', 2, StringSplitOptions.TrimEntries);
                if (parts.Length < 2 || !parts[0].Equals("nuget", StringComparison.OrdinalIgnoreCase)) continue;
                int line = directive.GetLocation().GetLineSpan().StartLinePosition.Line;
                string[] nameAndVersion = parts[1].Split(',', 2, StringSplitOptions.TrimEntries);
                packages.Add(new PackageLine(first + line, nameAndVersion[0], nameAndVersion.Length > 1 ? nameAndVersion[1] : "", lines[line].Trim()));
                lines[line] = "";
            }

            text = string.Join('\n', lines);
        }

        return new CodePiece(first, new string('\n', first) + text, packages) { Sources = sources };
    }

    [GeneratedRegex("""^#i\s+"nuget:([^"]+)"\s*$""", RegexOptions.IgnoreCase)]
    private static partial Regex SourceDirective();
}
