using System.Text.Json;
using UnetResnet.Lab.Benchmarks;
using UnetResnet.Lab.Commands;
using UnetResnet.Models;
using UnetResnet.Tests.Weights;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Lab;

/// <summary>The documents that benchmarks print, at sizes at which the figures mean nothing.</summary>
public class BenchmarkTests
{
    /// <summary>By hand at width 16 and 32×32, two images: the decoder's first stage makes 2×2 pixels of 512 + 256 channels into 64.</summary>
    [Fact]
    public void The_work_of_a_step_is_what_it_cannot_do_without()
    {
        using var scope = NewDisposeScope();
        using var unet = new UNetResNet50(new UNetOptions { Encoder = new ResNet50Options { Width = 16 } });
        unet.eval();
        StepWork work = StepWork.Of(unet, zeros(2, 3, 32, 32));
        // Channels from below and of the skip, filters, side.
        (int Below, int Skip, int Filters, int Side)[] stages = [(512, 256, 64, 2), (64, 128, 48, 4), (48, 64, 32, 8), (32, 16, 16, 16), (16, 0, 16, 32)];
        double forward = 2 * 2 * 32 * 32 * 16, backward = 2 * forward;
        foreach ((int below, int skip, int filters, int side) in stages)
        {
            double pixels = 2 * side * side, first = 2 * 9 * pixels * filters * (skip + below / 4.0), second = 2 * 9 * pixels * filters * filters;
            forward += first + second;
            backward += first + (side > 2 ? 2 * 9 * pixels * filters * below / 4.0 : 0) + 2 * second;
        }

        double encoder = work.Gflop("infer")!.Value - forward / 1e9, stem = 2.0 * 49 * 3 * 16 * 16 * 16 * 2 / 1e9;
        Assert.Equal((forward + backward) / 1e9, work.Gflop("cached")!.Value, 1e-9);
        Assert.Equal(encoder + work.Gflop("cached")!.Value, work.Gflop("frozen")!.Value, 1e-9);
        Assert.Equal(3 * (encoder + forward / 1e9) - stem, work.Gflop("full")!.Value, 1e-9);
        RooflineResult layers = RooflineBenchmark.Layers(width: 16, side: 32, batch: 2, rounds: 1);
        // The roofline counts biases too, one operation for each number.
        Assert.InRange(encoder / layers.Layers.Where(l => l.Name.StartsWith("encoder.", StringComparison.Ordinal) && l.Kind.EndsWith("convolution", StringComparison.Ordinal)).Sum(l => l.Flop / 1e9), 0.98, 1);
        Assert.Null(work.Gflop("plain"));
    }

    /// <summary>Convolutions of whole rounds are added up, oneDNN's and the kit's own; what runs before the first round is not.</summary>
    [Fact]
    public void The_time_of_convolutions_is_the_least_of_the_rounds()
    {
        static string Executed(string kind, string milliseconds) => $"onednn_verbose,v1,primitive,exec,cpu,{kind},jit:avx512_core,forward_training,src:f32,mb2,{milliseconds}";
        string[] lines =
        [
            Executed("convolution", "500"), "round", Executed("convolution", "2.5"), Executed("reorder", "100"), Executed("deconvolution", "1"), "tiles 4.25", Executed("convolution", "7"),
            "round", Executed("convolution", "3"), "tiles 4.5", "round", Executed("convolution", "1"), // cut off
        ];
        Assert.Equal(7.5, ConvolutionProfile.Least(lines));
        Assert.Null(ConvolutionProfile.Least(lines[..2]));
    }

    [Fact]
    public void Convolutions_of_a_step_are_profiled_in_a_process_of_its_own()
    {
        if (System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture != System.Runtime.InteropServices.Architecture.X64) return; // libtorch computes without oneDNN there
        Assert.InRange(ConvolutionProfile.Milliseconds("infer", width: 16, side: 32, batch: 2, rounds: 1), 0.01, 10_000);
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

    internal static JsonElement Steps(bool withPeers, params string[] steps)
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
