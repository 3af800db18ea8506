using System.Text.Json.Nodes;
using Cellar.Engine;
using Cellar.Insight;

namespace Cellar.Protocol;

/// <summary>Answers <c>complete_request</c> and <c>inspect_request</c>.</summary>
internal static class InsightReplies
{
    /// <summary>The content of <c>complete_reply</c>; places are counted in code points.</summary>
    public static async Task<JsonObject> CompleteAsync(NotebookEngine engine, KernelMessage request)
    {
        CellCursor cursor = Cursor(request);
        Completion completion = await CellCompletion.OfAsync(engine, cursor);
        int start = cursor.CodePoints(completion.Typed), end = cursor.CodePoints();
        return new JsonObject
        {
            ["status"] = "ok",
            ["matches"] = new JsonArray([.. completion.Matches.Select(m => (JsonNode)m.Text)]),
            ["cursor_start"] = start,
            ["cursor_end"] = end,
            ["metadata"] = new JsonObject
            {
                // As ipykernel gives them: JupyterLab shows the kind and the signature beside the name.
                ["_jupyter_types_experimental"] = new JsonArray([.. completion.Matches.Select(m => (JsonNode)new JsonObject
                {
                    ["start"] = start, ["end"] = end, ["text"] = m.Text, ["type"] = m.Kind, ["signature"] = m.Signature,
                })]),
            },
        };
    }

    /// <summary>The content of <c>inspect_reply</c>.</summary>
    public static async Task<JsonObject> InspectAsync(NotebookEngine engine, KernelMessage request)
    {
        Inspection? found = await CellInspection.OfAsync(engine, Cursor(request), more: request.Integer("detail_level", 0) > 0);
        return new JsonObject
        {
            ["status"] = "ok",
            ["found"] = found is not null,
            ["data"] = found is null ? new JsonObject() : new JsonObject { ["text/plain"] = found.Text, ["text/markdown"] = found.Markdown },
            ["metadata"] = new JsonObject(),
        };
    }

    private static CellCursor Cursor(KernelMessage request) => new(request.Text("code"), request.Integer("cursor_pos", int.MaxValue));
}
