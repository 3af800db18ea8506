using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Cellar.Files;

namespace Cellar.Notebooks;

/// <summary>A notebook in Jupyter's format 4.5. Whatever this program does not know in the file stays as it is.</summary>
internal sealed partial class NotebookDocument
{
    /// <summary>The name under which .NET Interactive and <c>lab kernel</c> register C#.</summary>
    public const string KernelName = ".net-csharp";

    /// <summary>As Jupyter itself writes: one space of indent, text unescaped.</summary>
    private static readonly JsonSerializerOptions Format = new() { WriteIndented = true, IndentSize = 1, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly JsonObject root;

    private NotebookDocument(JsonObject root, string name)
    {
        this.root = root;
        Name = name;
        var cells = new List<NotebookCell>();
        foreach (JsonNode? cell in root["cells"]!.AsArray())
            cells.Add(new NotebookCell(cell!.AsObject(), cells.Count(c => c.IsCode) + 1));
        Cells = cells;
    }

    /// <summary>The file's name without <c>.ipynb</c>.</summary>
    public string Name { get; }

    public IReadOnlyList<NotebookCell> Cells { get; }

    /// <summary>The notebook's own metadata; to be changed in place.</summary>
    public JsonObject Metadata => Child(root, "metadata");

    /// <summary>The first heading of the prose, else the name.</summary>
    public string Title
    {
        get
        {
            foreach (NotebookCell cell in Cells.Where(c => c.Kind == CellKind.Markdown))
            {
                string? heading = cell.Source.Split('\n').FirstOrDefault(l => l.StartsWith("# ", StringComparison.Ordinal));
                if (heading is not null) return heading[2..].Trim().TrimEnd('#').Trim();
            }

            return Name;
        }
    }

    /// <summary>Reads a notebook.</summary>
    /// <exception cref="NotebookFormatException">The file is no notebook of format 4.</exception>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    public static NotebookDocument Load(string path)
    {
        if (!File.Exists(path)) throw new FileNotFoundException($"There is no notebook {path}.", path);
        return Parse(File.ReadAllText(path), path);
    }

    /// <summary>Reads a notebook from its text.</summary>
    /// <param name="text">The whole file.</param>
    /// <param name="path">What error messages call it.</param>
    /// <exception cref="NotebookFormatException">The text is no notebook of format 4.</exception>
    public static NotebookDocument Parse(string text, string path)
    {
        JsonNode? parsed;
        try
        {
            parsed = JsonNode.Parse(text);
        }
        catch (JsonException e)
        {
            throw new NotebookFormatException(
                $"{path}: not a notebook: the JSON breaks off or is wrong at line {e.LineNumber + 1}. Restore the file from version control, or save it again from its editor.", e);
        }

        string? problem = null;
        if (parsed is not JsonObject root) problem = "the top of the file is not a JSON object";
        else if (!IsInteger(root["nbformat"], out int version)) problem = "\"nbformat\" is missing or not a number";
        else if (version != 4) problem = $"\"nbformat\" is {version}, and only 4 is read; open the file in Jupyter and save it, which converts it";
        else if (root["cells"] is not JsonArray cells) problem = "\"cells\" is missing or not a list";
        else if (root["metadata"] is not (null or JsonObject)) problem = "\"metadata\" is not an object";
        else if (cells.Select((c, i) => ProblemOf(c, i + 1)).FirstOrDefault(p => p is not null) is { } broken) problem = broken;
        else
        {
            Modernise(root, cells);
            return new NotebookDocument(root, Path.GetFileNameWithoutExtension(path));
        }

        throw new NotebookFormatException($"{path}: not a notebook of Jupyter's format 4: {problem}.");
    }

    /// <summary>Writes the notebook: whole or not at all.</summary>
    public void Save(string path) => AtomicFile.WriteText(path, ToString());

    /// <summary>The text of the file, in the order of names in which Jupyter and VS Code save: opened there and saved unchanged, it stays the same.</summary>
    public override string ToString() => SurrogatePair().Replace(Ordered(root)!.ToJsonString(Format), m => m.Groups[1].Value + Unescape(m.Groups[2].Value) + Unescape(m.Groups[3].Value)) + "\n";

    /// <summary>Why cells of this notebook cannot be run as C#, or null.</summary>
    public string? LanguageProblem()
    {
        JsonNode? kernel = Metadata["kernelspec"];
        string? name = Text(kernel?["name"]);
        string? language = Text(kernel?["language"]) ?? Text(Metadata["language_info"]?["name"]);
        bool csharp = name == KernelName || language is "C#" or "csharp" || (name is null && language is null);
        return csharp ? null : $"it is written for the kernel \"{name ?? language}\"; expected \"{KernelName}\"";
    }

    internal static JsonObject Child(JsonObject parent, string name)
    {
        if (parent[name] is not JsonObject child) parent[name] = child = [];
        return child;
    }

    internal static string? Text(JsonNode? node) => node is JsonValue value && value.TryGetValue(out string? text) ? text : null;

    private static bool IsInteger(JsonNode? node, out int value)
    {
        value = 0;
        return node is JsonValue number && number.TryGetValue(out value);
    }

    private static string? ProblemOf(JsonNode? cell, int position)
    {
        if (cell is not JsonObject fields) return $"entry {position} of \"cells\" is not an object";
        if (Text(fields["cell_type"]) is not ("code" or "markdown" or "raw")) return $"cell {position} has no \"cell_type\" of code, markdown or raw";
        bool sourceFits = Text(fields["source"]) is not null || fields["source"] is JsonArray lines && lines.All(l => Text(l) is not null);
        if (!sourceFits) return $"the \"source\" of cell {position} is neither text nor a list of lines";
        if (fields["metadata"] is not (null or JsonObject)) return $"the \"metadata\" of cell {position} is not an object";
        return null;
    }

    /// <summary>Format 4.5 differs from its predecessors by an id per cell.</summary>
    private static void Modernise(JsonObject root, JsonArray cells)
    {
        if (IsInteger(root["nbformat_minor"], out int minor) && minor >= 5) return;
        root["nbformat_minor"] = 5;
        for (int i = 0; i < cells.Count; i++)
        {
            if (cells[i]!["id"] is null) cells[i]!["id"] = $"cell-{i + 1}";
        }
    }

    private static JsonNode? Ordered(JsonNode? node) => node switch
    {
        JsonObject members => new JsonObject(members.OrderBy(m => m.Key, StringComparer.Ordinal).Select(m => KeyValuePair.Create(m.Key, Ordered(m.Value)))),
        JsonArray items => new JsonArray([.. items.Select(Ordered)]),
        _ => node?.DeepClone(),
    };

    /// <summary>The serializer escapes what lies outside the basic plane; Jupyter does not, and a saved file should not differ for it.</summary>
    [GeneratedRegex(@"(?<!\\)((?:\\\\)*)\\u([Dd][89ABab][0-9A-Fa-f]{2})\\u([Dd][C-Fc-f][0-9A-Fa-f]{2})")]
    private static partial Regex SurrogatePair();

    private static char Unescape(string hex) => (char)ushort.Parse(hex, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
