using System.Text.Json.Nodes;
using Cellar.Notebooks;

namespace Cellar.Engine;

/// <summary>Writes what cells give out into the notebook, as nbformat 4.5 has it.</summary>
internal sealed class OutputRecorder
{
    private readonly Dictionary<string, List<JsonObject>> displays = [];

    private NotebookCell? clearing;

    /// <summary>Adds one output to a cell, or changes an earlier display.</summary>
    public void Record(NotebookCell cell, CellOutput output)
    {
        if (output is ClearOutput clear)
        {
            if (clear.Wait) clearing = cell;
            else cell.Outputs.Clear();
            return;
        }

        if (ReferenceEquals(clearing, cell)) cell.Outputs.Clear();
        clearing = null;
        switch (output)
        {
            case StreamOutput text when cell.Outputs.LastOrDefault() is JsonObject last && NotebookDocument.Text(last["name"]) == text.Name:
                NotebookCell.Append(last["text"]!.AsArray(), text.Text);
                break;
            case StreamOutput text:
                cell.Outputs.Add(new JsonObject { ["name"] = text.Name, ["output_type"] = "stream", ["text"] = NotebookCell.Lines(text.Text) });
                break;
            case DisplayOutput display:
                var shown = new JsonObject { ["data"] = Data(display.Data), ["metadata"] = new JsonObject(), ["output_type"] = "display_data" };
                cell.Outputs.Add(shown);
                if (!displays.TryGetValue(display.DisplayId, out List<JsonObject>? same)) displays[display.DisplayId] = same = [];
                same.Add(shown);
                break;
            case DisplayUpdate update:
                foreach (JsonObject earlier in displays.GetValueOrDefault(update.DisplayId, [])) earlier["data"] = Data(update.Data);
                break;
            case ResultOutput result:
                cell.Outputs.Add(new JsonObject
                {
                    ["data"] = Data(result.Data),
                    ["execution_count"] = result.ExecutionCount,
                    ["metadata"] = new JsonObject(),
                    ["output_type"] = "execute_result",
                });
                break;
            case ErrorOutput { Error: var error }:
                cell.Outputs.Add(new JsonObject
                {
                    ["ename"] = error.Name,
                    ["evalue"] = error.Message,
                    ["output_type"] = "error",
                    ["traceback"] = new JsonArray([.. error.Traceback.Select(line => (JsonNode)line)]),
                });
                break;
        }
    }

    private static JsonObject Data(JsonObject bundle)
    {
        var data = new JsonObject();
        foreach ((string mimeType, JsonNode? content) in bundle)
        {
            bool text = !MimeBundle.IsJson(mimeType) && !mimeType.StartsWith("image/", StringComparison.Ordinal) || mimeType == "image/svg+xml";
            data[mimeType] = text ? NotebookCell.Lines(NotebookDocument.Text(content) ?? "") : content?.DeepClone();
        }

        return data;
    }
}
