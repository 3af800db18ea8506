using System.Text.Json;
using UnetResnet.Runtime;
using UnetResnet.Tests.Processes;

namespace UnetResnet.Tests.Lab;

/// <summary>The document of <c>lab bench train</c>: of two runs' times one is the shorter, where nothing else takes the processor.</summary>
[Collection(AloneCollection.Name)]
public sealed class StepBenchmarkTests
{
    [Fact]
    public void A_step_is_null_where_it_cannot_be_measured_and_a_figure_elsewhere()
    {
        JsonElement document = BenchmarkTests.Steps(withPeers: false);
        Assert.Equal((16, 32, 2), (document.GetProperty("width").GetInt32(), document.GetProperty("side").GetInt32(), document.GetProperty("batch").GetInt32()));
        Assert.True(document.GetProperty("ceiling_gflops").GetDouble() > 0);
        Assert.True(document.GetProperty("peak_mb").GetDouble() > 0);
        Assert.Equal(["plain", "frozen", "cached", "bf16", "cached_bf16", "full", "infer", "infer_bf16", "recomputed"], document.GetProperty("ms").EnumerateObject().Select(p => p.Name));
        foreach (JsonProperty step in document.GetProperty("ms").EnumerateObject())
        {
            bool refused = step.Name.EndsWith("bf16", StringComparison.Ordinal) && Processor.WithoutBFloat16 is not null;
            Assert.Equal(refused ? JsonValueKind.Null : JsonValueKind.Number, step.Value.ValueKind);
            if (refused) continue;
            double lowest = document.GetProperty("ms_min").GetProperty(step.Name).GetDouble(), highest = document.GetProperty("ms_max").GetProperty(step.Name).GetDouble();
            Assert.True(0 < lowest && lowest <= step.Value.GetDouble() && step.Value.GetDouble() <= highest);
            JsonElement direct = document.GetProperty("direct_ms").GetProperty(step.Name);
            Assert.Equal(step.Name is "plain" or "recomputed" ? JsonValueKind.Null : JsonValueKind.Number, direct.ValueKind);
            // Maps of so few tiles are convolved directly.
            if (direct.ValueKind == JsonValueKind.Number) Assert.True(0 < direct.GetDouble() && direct.GetDouble() < lowest);
        }

        Assert.Equal(["frozen", "full", "infer"], document.GetProperty("peer_ms").EnumerateObject().Select(p => p.Name));
        Assert.All(document.GetProperty("peer_ms").EnumerateObject(), p => Assert.Equal(JsonValueKind.Null, p.Value.ValueKind));
    }
}
