using System.Text;
using System.Text.Json.Nodes;
using Cellar.Engine;

namespace Cellar.Protocol;

/// <summary>Sends the outputs of one cell, in order. Text is gathered for a moment, so that ten thousand short lines are not as many messages.</summary>
internal sealed class CellPublisher : IDisposable
{
    private const int Full = 1 << 16;
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(25);

    private readonly Action<string, JsonObject> publish;
    private readonly Lock gate = new();
    private readonly StringBuilder text = new();
    private readonly Timer timer;
    private string stream = "stdout";

    /// <param name="publish">Sends one message, given its type and content.</param>
    public CellPublisher(Action<string, JsonObject> publish)
    {
        this.publish = publish;
        timer = new Timer(_ => { lock (gate) Flush(last: false); });
    }

    public void Emit(CellOutput output)
    {
        lock (gate)
        {
            if (output is StreamOutput written)
            {
                if (stream != written.Name) Flush(last: true);
                stream = written.Name;
                if (text.Length == 0) timer.Change(Moment, Timeout.InfiniteTimeSpan);
                text.Append(written.Text);
                if (text.Length >= Full) Flush(last: false);
                return;
            }

            Flush(last: true);
            switch (output)
            {
                case DisplayOutput display:
                    publish("display_data", Shown(display.Data, display.DisplayId));
                    break;
                case DisplayUpdate update:
                    publish("update_display_data", Shown(update.Data, update.DisplayId));
                    break;
                case ClearOutput clear:
                    publish("clear_output", new JsonObject { ["wait"] = clear.Wait });
                    break;
                case ResultOutput result:
                    publish("execute_result", new JsonObject { ["execution_count"] = result.ExecutionCount, ["data"] = result.Data.DeepClone(), ["metadata"] = new JsonObject() });
                    break;
                case ErrorOutput { Error: var error }:
                    publish("error", Content(error));
                    break;
            }
        }
    }

    /// <summary>An error as the protocol has it.</summary>
    public static JsonObject Content(CellError error) => new()
    {
        ["ename"] = error.Name,
        ["evalue"] = error.Message,
        ["traceback"] = new JsonArray([.. error.Traceback.Select(line => (JsonNode)line)]),
    };

    public void Dispose()
    {
        timer.Dispose();
        lock (gate) Flush(last: true);
    }

    private static JsonObject Shown(JsonObject data, string id) =>
        new() { ["data"] = data.DeepClone(), ["metadata"] = new JsonObject(), ["transient"] = new JsonObject { ["display_id"] = id } };

    /// <summary>Half a surrogate pair at the end waits for its other half, unless this is the end.</summary>
    private void Flush(bool last)
    {
        int length = !last && text.Length > 0 && char.IsHighSurrogate(text[^1]) ? text.Length - 1 : text.Length;
        if (length == 0) return;
        string whole = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text.ToString(0, length))); // halves alone cannot be sent
        text.Remove(0, length);
        publish("stream", new JsonObject { ["name"] = stream, ["text"] = whole });
    }
}
