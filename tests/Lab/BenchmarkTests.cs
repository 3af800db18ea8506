using System.Text.Json;
using UnetResnet.Lab.Benchmarks;
using UnetResnet.Lab.Commands;
using UnetResnet.Runtime;
using UnetResnet.Tests.Weights;

namespace UnetResnet.Tests.Lab;

/// <summary>The documents that benchmarks print, at sizes at which the figures mean nothing.</summary>
public class BenchmarkTests
{
    [Fact]
    public void A_step_is_null_where_it_cannot_be_measured_and_a_figure_elsewhere()
    {
        JsonElement document = Steps(withPeers: false);
        Assert.Equal((16, 32, 2), (document.GetProperty("width").GetInt32(), document.GetProperty("side").GetInt32(), document.GetProperty("batch").GetInt32()));
        Assert.True(document.GetProperty("ceiling_gflops").GetDouble() > 0);
        Assert.True(document.GetProperty("peak_mb").GetDouble() > 0);
        Assert.Equal(["plain", "frozen", "cached", "bf16", "full", "infer", "infer_bf16", "recomputed"], document.GetProperty("ms").EnumerateObject().Select(p => p.Name));
        foreach (JsonProperty step in document.GetProperty("ms").EnumerateObject())
        {
            bool refused = step.Name.EndsWith("bf16", StringComparison.Ordinal) && Processor.WithoutBFloat16 is not null;
            Assert.Equal(refused ? JsonValueKind.Null : JsonValueKind.Number, step.Value.ValueKind);
            if (refused) continue;
            double lowest = document.GetProperty("ms_min").GetProperty(step.Name).GetDouble(), highest = document.GetProperty("ms_max").GetProperty(step.Name).GetDouble();
            Assert.True(0 < lowest && lowest <= step.Value.GetDouble() && step.Value.GetDouble() <= highest);
        }

        Assert.Equal(["frozen", "full", "infer"], document.GetProperty("peer_ms").EnumerateObject().Select(p => p.Name));
        Assert.All(document.GetProperty("peer_ms").EnumerateObject(), p => Assert.Equal(JsonValueKind.Null, p.Value.ValueKind));
    }

    [PythonTheory("torch")]
    [InlineData("frozen")]
    [InlineData("infer")]
    public void PyTorch_runs_beside_it(string step)
    {
        JsonElement document = Steps(withPeers: true, step);
        Assert.True(document.GetProperty("peer_ms").GetProperty(step).GetDouble() > 0);
        Assert.Equal(JsonValueKind.Null, document.GetProperty("ms").GetProperty("plain").ValueKind);
    }

    [Fact]
    public void ONNX_Runtime_runs_beside_inference()
    {
        Assert.True(Steps(withPeers: true, "infer").GetProperty("onnxruntime_ms").GetDouble() > 0);
        Assert.Equal(JsonValueKind.Null, Steps(withPeers: false, "infer").GetProperty("onnxruntime_ms").ValueKind);
    }

    [Fact]
    public void A_folder_is_read_opened_and_waited_for()
    {
        DataResult result = DataBenchmark.Run(new DataBenchmarkOptions(Images: 4, SourceSide: 48, Side: 32, Rounds: 1, Folder: 32, FolderRead: 8), new Messages());
        Assert.True(result.PerSecond["pairs"]!.Median > 0 && result.PerSecond["images"]!.Median > 0);
        Assert.InRange(result.WaitedShare, 0, 1);
        Assert.Equal((32, 8), (result.Folder!.Pairs, result.Folder.PairsRead));
        Assert.True(result.Folder.SecondsToFirstBatch > 0);
        Assert.Equal(result.PerSecond["pillow_pairs"] is null, result.TimesPillow is null);
    }

    [PythonTheory("PIL, numpy")]
    [InlineData(3)]
    public void Pillow_and_numpy_run_beside_it(int images)
    {
        DataResult result = DataBenchmark.Run(new DataBenchmarkOptions(images, SourceSide: 48, Side: 32, Rounds: 1, Folder: 0, FolderRead: 0), new Messages());
        Assert.True(result.TimesPillow > 0 && result.TimesPillowDraft > 0);
        Assert.True(result.PerSecond["pillow_images"]!.Median > 0 && result.PerSecond["pillow_draft_images"]!.Median > 0);
        Assert.Null(result.Folder);
    }

    private static JsonElement Steps(bool withPeers, params string[] steps)
    {
        StepResult result = StepBenchmark.Run(16, 32, 2, 1, steps.Length > 0 ? steps : StepBenchmark.Names, withPeers, new Messages());
        return JsonSerializer.SerializeToElement(StepBenchCommand.Document(result));
    }

    private sealed class Messages : IProgress<string>
    {
        public void Report(string value)
        {
        }
    }
}
