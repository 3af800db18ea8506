using System.Globalization;
using Microsoft.Data.Analysis;
using UnetResnet.Diagnosis;
using UnetResnet.Training;

namespace UnetResnet.Notebooks;

/// <summary>Tables of histories and data frames.</summary>
internal static class Tables
{
    private const int MostRows = 25;

    internal static TextTable Of(TrainingHistory history)
    {
        string[] headers = ["epoch", "loss", "validation loss", "training loss in inference mode", "IoU", "validation IoU", "training IoU in inference mode", "seconds"];
        return new TextTable(
            headers,
            [.. history.Select(e => (IReadOnlyList<string>)[
                e.Epoch.ToString(CultureInfo.InvariantCulture),
                Fixed(e.Training.Loss, 4), Fixed(e.Validation.Loss, 4), Fixed(e.TrainingInInferenceMode.Loss, 4),
                Fixed(e.Training.IoU, 3), Fixed(e.Validation.IoU, 3), Fixed(e.TrainingInInferenceMode.IoU, 3),
                Fixed(e.Seconds, 1)])],
            [.. headers.Select(_ => true)],
            history.Count == 0 ? "No epoch has ended yet." : null);
    }

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
        return [.. cells.Select(cell => cell is double or float or decimal ? Fixed(Convert.ToDouble(cell, CultureInfo.InvariantCulture), decimals) : Cell(cell))];
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

    private static string Fixed(double value, int decimals) =>
        double.IsFinite(value) ? value.ToString("F" + decimals.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture) : NumberText.Short(value);
}
