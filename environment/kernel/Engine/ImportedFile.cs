using Cellar.Notebooks;

namespace Cellar.Engine;

/// <summary>A file brought in by <c>#!import</c>, as the cells to run in order.</summary>
internal static class ImportedFile
{
    /// <summary>Reads the cells of a notebook or C# file.</summary>
    /// <returns>A label for error messages, and the source, for each C# cell.</returns>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="NotSupportedException">It is none of .ipynb, .dib, .cs and .csx.</exception>
    /// <exception cref="NotebookFormatException">It is a broken notebook.</exception>
    public static IReadOnlyList<(string Label, string Source)> Read(string path)
    {
        string name = Path.GetFileName(path);
        string extension = Path.GetExtension(path).ToLowerInvariant();
        if (extension is not (".ipynb" or ".dib" or ".cs" or ".csx"))
            throw new NotSupportedException($"#!import of {name}: expected an .ipynb, .dib, .cs or .csx file.");
        if (!File.Exists(path)) throw new FileNotFoundException($"#!import: there is no file {path}.", path);

        return extension switch
        {
            ".ipynb" => [.. NotebookDocument.Load(path).Cells.Where(c => c.IsCode).Select(c => ($"{name} cell {c.Number}", c.Source))],
            ".dib" => [.. Dib(File.ReadAllLines(path)).Select((source, i) => ($"{name} cell {i + 1}", source))],
            _ => [(path, File.ReadAllText(path))],
        };
    }

    /// <summary>A .dib file is text in which a line with a language's name begins the next cell; <c>#!meta</c> begins a header of JSON.</summary>
    private static IEnumerable<string> Dib(string[] lines)
    {
        var cell = new List<string>();
        string? language = Magic.CSharp;
        foreach (string line in lines)
        {
            string name = line.StartsWith("#!", StringComparison.Ordinal) ? line[2..].Trim() : "";
            if (Magic.LanguageOf(name) is null && name != "meta")
            {
                cell.Add(line);
                continue;
            }

            if (language == Magic.CSharp && cell.Exists(l => l.Trim().Length > 0)) yield return string.Join('\n', cell);
            cell.Clear();
            language = Magic.LanguageOf(name);
        }

        if (language == Magic.CSharp && cell.Exists(l => l.Trim().Length > 0)) yield return string.Join('\n', cell);
    }
}
