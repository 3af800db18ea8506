using System.Text.Json.Nodes;

namespace Cellar.Notebooks;

internal enum CellKind
{
    Code,
    Markdown,
    Raw,
}

/// <summary>One cell: a view of its JSON.</summary>
/// <param name="json">The cell in the notebook's tree.</param>
/// <param name="number">Number among the code cells, from 1: what the brackets beside it show after a run from top to bottom.</param>
internal sealed class NotebookCell(JsonObject json, int number)
{
    public int Number { get; } = number;

    public CellKind Kind { get; } = NotebookDocument.Text(json["cell_type"]) switch
    {
        "code" => CellKind.Code,
        "markdown" => CellKind.Markdown,
        _ => CellKind.Raw,
    };

    public bool IsCode => Kind == CellKind.Code;

    /// <summary>The cell's name in the document, of nbformat 4.5 on; null in an older one.</summary>
    public string? Id => NotebookDocument.Text(json["id"]);

    /// <summary>The text of the cell.</summary>
    public string Source { get; } = Joined(json["source"]);

    public bool IsBlank => string.IsNullOrWhiteSpace(Source);

    public JsonObject Metadata => NotebookDocument.Child(json, "metadata");

    /// <summary>Pictures pasted into a Markdown cell, by name, each with its MIME types; null without any.</summary>
    public JsonObject? Attachments => json["attachments"] as JsonObject;

    /// <summary>The language that .NET Interactive notes in a cell that is not C#; null elsewhere.</summary>
    public string? Language => NotebookDocument.Text(Metadata["polyglot_notebook"]?["kernelName"]) ?? NotebookDocument.Text(Metadata["dotnet_interactive"]?["language"]);

    /// <summary>The number in brackets; null before the cell has run.</summary>
    public int? ExecutionCount
    {
        get => json["execution_count"] is JsonValue value && value.TryGetValue(out int count) ? count : null;
        set => json["execution_count"] = value;
    }

    /// <summary>The outputs, to be changed in place.</summary>
    public JsonArray Outputs
    {
        get
        {
            if (json["outputs"] is not JsonArray outputs) json["outputs"] = outputs = [];
            return outputs;
        }
    }

    /// <summary>Whether the cell's metadata carry a tag, such as <c>skip-execution</c> or <c>raises-exception</c>.</summary>
    public bool HasTag(string tag) => Metadata["tags"] is JsonArray tags && tags.Any(t => NotebookDocument.Text(t) == tag);

    /// <summary>Forgets what an earlier run has left.</summary>
    public void Clear()
    {
        ExecutionCount = null;
        Outputs.Clear();
        Metadata.Remove("execution");
    }

    /// <summary>Text that nbformat allows as one string or as a list of lines.</summary>
    public static string Joined(JsonNode? text) => text switch
    {
        JsonArray lines => string.Concat(lines.Select(NotebookDocument.Text)),
        _ => NotebookDocument.Text(text) ?? "",
    };

    /// <summary>Text as nbformat likes it: a list of lines, each with its line end.</summary>
    public static JsonArray Lines(string text)
    {
        var lines = new JsonArray();
        Append(lines, text);
        return lines;
    }

    /// <summary>Adds text to a list of lines, going on with an unfinished last line.</summary>
    public static void Append(JsonArray lines, string text)
    {
        if (lines.LastOrDefault() is { } last && NotebookDocument.Text(last) is { } begun && !begun.EndsWith('\n'))
        {
            lines.RemoveAt(lines.Count - 1);
            text = begun + text;
        }

        for (int start = 0; start < text.Length;)
        {
            int end = text.IndexOf('\n', start) + 1;
            if (end == 0) end = text.Length;
            lines.Add((JsonNode)text[start..end]);
            start = end;
        }
    }
}
