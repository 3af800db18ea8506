namespace UnetResnet.Runtime;

/// <summary>A small table whose cells are already rounded, so that every form of it shows the same numbers.</summary>
/// <param name="Headers">Names of the columns.</param>
/// <param name="Rows">The cells, row by row.</param>
/// <param name="Numeric">Which columns hold numbers; they stand at the right.</param>
/// <param name="Note">A remark below, such as how many rows were left out.</param>
internal sealed record TextTable(IReadOnlyList<string> Headers, IReadOnlyList<IReadOnlyList<string>> Rows, IReadOnlyList<bool> Numeric, string? Note = null)
{
    internal string ToText()
    {
        int[] widths = [.. Headers.Select((header, c) => Rows.Select(row => row[c].Length).Append(header.Length).Max())];
        string Line(IReadOnlyList<string> cells) =>
            string.Join("  ", cells.Select((cell, c) => Numeric[c] ? cell.PadLeft(widths[c]) : cell.PadRight(widths[c]))).TrimEnd();
        return string.Join('\n', [Line(Headers), .. Rows.Select(Line), .. Note is null ? [] : new[] { Note }]);
    }
}
