using System.Globalization;
using System.Text.RegularExpressions;
using Cellar.Notebooks;
using UnetResnet.Lab.Results;

namespace UnetResnet.Lab.Running;

/// <summary>Compares what two runs of a notebook have printed and drawn: the same words, and the same figures to a ten-thousandth.</summary>
/// <remarks>
/// What a clock has measured differs from run to run and is left out: durations with their unit (<c>2.8 s</c>, <c>101 ms</c>), and whole cells tagged <c>timing</c>. Exercises and their
/// solutions are left out too, so that a run as a learner gets the notebook can be compared with one that tries every answer.
/// </remarks>
internal static partial class FigureCheck
{
    /// <summary>The tag of a cell whose figures come from a clock.</summary>
    public const string Timing = "timing";

    /// <summary>How far two figures may lie apart; of figures above 1, which share of them.</summary>
    public const double Tolerance = 1e-4;

    private const int Context = 60;

    /// <summary>The first difference; null where both runs say the same.</summary>
    /// <param name="earlier">The executed copy of an earlier run.</param>
    /// <param name="executed">That of this run.</param>
    /// <param name="where">What a message calls the earlier one.</param>
    public static CellFailure? Verify(NotebookDocument earlier, NotebookDocument executed, string where)
    {
        Dictionary<string, NotebookCell> before = earlier.Cells.Where(IsCompared).DistinctBy(cell => cell.Id).ToDictionary(cell => cell.Id!);
        NotebookCell[] common = [.. executed.Cells.Where(cell => IsCompared(cell) && before.ContainsKey(cell.Id!))];
        if (common.Length == 0) return new CellFailure(null, null, null, "OtherFigures", $"{where} has no cell of this notebook: expected an executed copy of it.", []);
        foreach (NotebookCell cell in common)
        {
            if (before[cell.Id!].Source != cell.Source) return Failed(cell, $"The cell has another text in {where}. Run that notebook again.");
            if (Difference(Said(before[cell.Id!]), Said(cell)) is { } difference) return Failed(cell, $"Two runs differ: {difference} ({where} has the first). Seed what is random, or tag the cell '{Timing}' if a clock made the figure.");
        }

        return null;
    }

    /// <summary>Everything that a reader sees of a cell and that is made of words and numbers.</summary>
    private static string Said(NotebookCell cell) => string.Join('\n', cell.Outputs.Select(output =>
        NotebookDocument.Text(output?["name"]) == "stderr" ? "" : NotebookCell.Joined(output?["data"]?["text/plain"] ?? output?["text"]) + output?["data"]?["application/vnd.plotly.v1+json"]?["data"]?.ToJsonString()));

    private static bool IsCompared(NotebookCell cell) =>
        cell.IsCode && cell.Id is not null && !cell.HasTag(Timing) && !cell.HasTag(NotebookModes.Exercise) && !cell.HasTag(NotebookModes.Solution) && !cell.HasTag(NotebookModes.WrongAnswer);

    /// <summary>The first place at which two texts say something else, in both; null where there is none.</summary>
    internal static string? Difference(string first, string second)
    {
        Part[] before = Parts(first), after = Parts(second);
        for (int i = 0; i < Math.Max(before.Length, after.Length); i++)
        {
            if (i < before.Length && i < after.Length && Same(before[i], after[i])) continue;
            return $"“{Around(before, i)}” and “{Around(after, i)}”";
        }

        return null;
    }

    private static bool Same(Part a, Part b) => a.Figure is { } x && b.Figure is { } y ? Math.Abs(x - y) <= Tolerance * Math.Max(1, Math.Abs(x)) : a.Text == b.Text;

    private static string Around(Part[] parts, int at)
    {
        string before = string.Concat(parts.Take(at).TakeLast(6).Select(part => part.Text)), rest = string.Concat(parts.Skip(at).Take(6).Select(part => part.Text));
        return (before.Length > Context ? "…" + before[^Context..] : before) + (rest.Length > Context ? rest[..Context] + "…" : rest);
    }

    /// <summary>Numbers, and what stands between them with single spaces.</summary>
    private static Part[] Parts(string text)
    {
        text = Spaces().Replace(Durations().Replace(text, "(time)"), " ");
        var parts = new List<Part>();
        int end = 0;
        foreach (Match number in Numbers().Matches(text))
        {
            if (number.Index > end) parts.Add(new Part(text[end..number.Index], null));
            parts.Add(new Part(number.Value, double.Parse(number.Value, CultureInfo.InvariantCulture)));
            end = number.Index + number.Length;
        }

        if (end < text.Length) parts.Add(new Part(text[end..], null));
        return [.. parts];
    }

    private static CellFailure Failed(NotebookCell cell, string message) => new(cell.Number, null, cell.Source.Split('\n')[0], "OtherFigures", message, []);

    private sealed record Part(string Text, double? Figure);

    [GeneratedRegex(@"\d+(?:\.\d+)?\s?(?:ms|s|min|h)\b")]
    private static partial Regex Durations();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();

    [GeneratedRegex(@"(?<![\w.])-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")]
    private static partial Regex Numbers();
}
