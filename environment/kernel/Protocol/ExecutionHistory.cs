using System.IO.Enumeration;
using System.Text.Json.Nodes;

namespace Cellar.Protocol;

/// <summary>What has been executed since the kernel started; it answers <c>history_request</c>.</summary>
internal sealed class ExecutionHistory
{
    private readonly List<(int Line, string Input, string? Output)> entries = [];

    public void Add(int line, string input, string? output) => entries.Add((line, input, output));

    /// <summary>The content of the reply: <c>tail</c>, <c>range</c> or <c>search</c>.</summary>
    public JsonObject Reply(KernelMessage request)
    {
        IEnumerable<(int Line, string Input, string? Output)> found = entries;
        int n = request.Integer("n", int.MaxValue);
        switch (request.Text("hist_access_type"))
        {
            case "range":
                int start = request.Integer("start", 0), stop = request.Integer("stop", int.MaxValue);
                bool here = request.Integer("session", 0) is 0 or 1;
                found = found.Where(e => here && e.Line >= start && e.Line < stop);
                break;
            case "search":
                string pattern = request.Text("pattern") is { Length: > 0 } given ? given : "*";
                found = found.Where(e => FileSystemName.MatchesSimpleExpression(pattern, e.Input, ignoreCase: false));
                if (request.Flag("unique", false)) found = found.Reverse().DistinctBy(e => e.Input).Reverse();
                found = found.TakeLast(n);
                break;
            default:
                found = found.TakeLast(n);
                break;
        }

        bool output = request.Flag("output", false);
        return new JsonObject
        {
            ["status"] = "ok",
            ["history"] = new JsonArray([.. found.Select(e => (JsonNode)new JsonArray(1, e.Line, output ? new JsonArray(e.Input, e.Output) : (JsonNode)e.Input))]),
        };
    }
}
