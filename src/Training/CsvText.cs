using System.Text;

namespace UnetResnet.Training;

/// <summary>Comma-separated values as RFC 4180 has them, with plain line feeds: names may hold commas, quotes and line breaks.</summary>
internal static class CsvText
{
    /// <summary>One line with its line feed.</summary>
    internal static string Line(IEnumerable<string> cells) => string.Join(',', cells.Select(Quoted)) + "\n";

    /// <summary>The lines of a text. What a killed program has left of a last line, without its line feed, is left out.</summary>
    internal static List<string[]> Lines(string text)
    {
        var lines = new List<string[]>();
        var cells = new List<string>();
        var cell = new StringBuilder();
        bool quoted = false;
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (c == '"' && quoted && i + 1 < text.Length && text[i + 1] == '"') cell.Append(text[++i]);
            else if (c == '"') quoted = !quoted;
            else if (quoted || c is not (',' or '\n')) cell.Append(c);
            else
            {
                cells.Add(cell.ToString().TrimEnd('\r'));
                cell.Clear();
                if (c == ',') continue;
                lines.Add([.. cells]);
                cells.Clear();
            }
        }

        return lines;
    }

    private static string Quoted(string cell) => cell.AsSpan().IndexOfAny("\",\r\n") < 0 ? cell : $"\"{cell.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
