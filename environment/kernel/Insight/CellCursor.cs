using Cellar.Engine;

namespace Cellar.Insight;

/// <summary>A place in a cell that is being written.</summary>
/// <remarks>Jupyter counts letters in code points, .NET in UTF-16 units: 🙂 is one there and two here.</remarks>
internal sealed class CellCursor
{
    private readonly string cell;
    private readonly int line;

    /// <summary>Reads a place as Jupyter gives it.</summary>
    /// <param name="cell">The cell's text.</param>
    /// <param name="codePoints">Code points in front of the cursor; one outside the cell is brought to its nearer end.</param>
    public CellCursor(string cell, int codePoints)
    {
        this.cell = cell;
        Index = 0;
        for (int left = codePoints; left > 0 && Index < cell.Length; left--) Index += char.IsSurrogatePair(cell, Index) ? 2 : 1;
        string before = cell[..Index].ReplaceLineEndings("\n");
        line = before.Count(c => c == '\n');
        BeforeOnLine = before[(before.LastIndexOf('\n') + 1)..];
        Line = BeforeOnLine + cell[Index..].Split('\r', '\n')[0];
    }

    /// <summary>UTF-16 units in front of the cursor.</summary>
    public int Index { get; }

    /// <summary>What stands on the cursor's line in front of it.</summary>
    public string BeforeOnLine { get; }

    /// <summary>The whole of the cursor's line.</summary>
    public string Line { get; }

    /// <summary>Code points in front of the cursor, less those of the last <paramref name="letters"/> UTF-16 units.</summary>
    public int CodePoints(int letters = 0) => cell[..(Index - letters)].EnumerateRunes().Count();

    /// <summary>The piece of C# around the cursor and the place in it, or null where the cursor is in something else.</summary>
    public (CodePiece Piece, int Offset)? InCode()
    {
        if (BeforeOnLine.TrimStart().StartsWith("#!", StringComparison.Ordinal)) return null;
        CellPiece? piece = CellParser.Split(cell).LastOrDefault(p => p.FirstLine <= line);
        if (piece is TextPiece) return null;
        CodePiece code = piece as CodePiece ?? new CodePiece(line, new string('\n', line) + BeforeOnLine, []);
        if (code.Packages.Any(p => p.Line == line)) return null;

        int start = 0;
        for (int i = 0; i < line; i++) start = code.Code.IndexOf('\n', start) + 1 is var next and > 0 ? next : code.Code.Length;
        return (code, Math.Min(start + BeforeOnLine.Length, code.Code.Length));
    }
}
