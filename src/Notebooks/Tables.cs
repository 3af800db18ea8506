using System.Globalization;
using Microsoft.Data.Analysis;
using UnetResnet.Runtime;

namespace UnetResnet.Notebooks;

/// <summary>Tables of data frames.</summary>
internal static class Tables
{
    private const int MostRows = 25;

    internal static TextTable Of(DataFrame frame)
    {
        int rows = (int)Math.Min(MostRows, frame.Rows.Count);
        string[][] columns = [.. frame.Columns.Select(column => Aligned([.. Enumerable.Range(0, rows).Select(r => column[r])]))];
        return new TextTable(
            [.. frame.Columns.Select(column => column.Name)],
            [.. Enumerable.Range(0, rows).Select(r => (IReadOnlyList<string>)[.. columns.Select(column => column[r])])],
            [.. frame.Columns.Select(column => column.IsNumericColumn())],
            frame.Rows.Count > rows ? $"… {frame.Rows.Count - rows} more rows of {frame.Rows.Count}" : null);
    }

    // The numbers of a column get as many decimals as the most exact of them, so that their points stand below each other.
    private static string[] Aligned(object?[] cells)
    {
        string[] texts = [.. cells.Select(Cell)];
        if (!cells.Any(cell => cell is double or float or decimal) || texts.Any(text => text.Contains('e'))) return texts;
        int decimals = texts.Max(text => text.Contains('.') ? text.Length - 1 - text.IndexOf('.') : 0);
        return [.. cells.Select(cell => cell is double or float or decimal ? NumberText.Fixed(Convert.ToDouble(cell, CultureInfo.InvariantCulture), decimals) : Cell(cell))];
    }

    private static string Cell(object? value) => value switch
    {
        null => "",
        double number => NumberText.Short(number),
        float number => NumberText.Short(number),
        decimal number => NumberText.Short((double)number),
        IFormattable other => other.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };
}
