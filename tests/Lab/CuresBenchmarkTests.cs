using System.Text.Json;
using UnetResnet.Lab.Benchmarks;
using UnetResnet.Lab.Commands;
using UnetResnet.Models;
using UnetResnet.Runtime;
using UnetResnet.Tests.Models;
using UnetResnet.Training;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Lab;

public sealed class CuresBenchmarkTests : IDisposable
{
    private static readonly Preset Tiny = Preset.Quick with { Side = 32, Epochs = 2, BatchSize = 4 };

    private readonly TemporaryFolder folder = new();
    private readonly int threads = get_num_threads();

    public CuresBenchmarkTests() => TorchRuntime.Initialize(threads: 1);

    public void Dispose()
    {
        TorchRuntime.Initialize(threads: threads);
        folder.Dispose();
    }

    [Fact]
    public void Every_variant_of_the_league_runs_from_the_same_start()
    {
        var lines = new Lines();
        CureData data = CureData.Load("brain", Tiny, limit: 8);
        Dictionary<string, CureResult> results = CuresBenchmark.Run(CureVariants.All, data, 0, [], lines, default).ToDictionary(r => r.Variant);

        Assert.Equal(CureVariants.All.Select(v => v.Name).Order(), results.Keys.Order());
        Assert.True(results.Count >= 12);
        Assert.Equal(results.Count, lines.Count);
        Assert.All(results.Values, r =>
        {
            Assert.Equal(("brain", 0), (r.Dataset, r.Seed));
            Assert.True(double.IsFinite(r.ValLoss) && double.IsFinite(r.Gap) && r.Seconds > 0, r.ToString());
            Assert.InRange(r.ValIoU, 0, 1);
            // A process with libtorch takes at least 100 MB.
            Assert.InRange(r.PeakMb, 100, 100_000);
        });

        // Without batch norm in the decoder and with the running statistics in the encoder nothing is left that could differ.
        Assert.Equal(0, results["no-bn-decoder"].Gap, 1e-5);
        Assert.Equal(0, results["group-norm"].Gap, 1e-5);
        // One and the same training, computed in three ways.
        Assert.Equal(results["inference"].ValLoss, results["inference-cached"].ValLoss, 1e-3);
        Assert.Equal(results["inference"].ValLoss, results["folded"].ValLoss, 1e-3);
        // What a repair costs is on top of the training that it repairs.
        Assert.True(results["recalibrated"].Seconds > results["broken"].Seconds);
        Assert.Equal(results["inference"].TrainedParameters + 2 * 26_560 / 4, results["affine-only"].TrainedParameters);
        Assert.Equal(results["unfrozen"].TrainedParameters, results["two-phase"].TrainedParameters);
    }

    [Fact]
    public void A_repair_leaves_no_trace_for_the_next_one()
    {
        CureData data = CureData.Load("salt", Tiny, limit: 8);
        CureVariant broken = CureVariants.All[0];
        using UNetResNet50 unet = data.Preset.CreateUNet(0, broken.Options);
        CuresBenchmark.Train(broken, unet, data, 0, default);
        string before = ModuleState.Describe(unet);
        IEnumerable<CureVariant> repairs = CureVariants.All.Where(v => v.Base == broken.Name);
        CuresBenchmark.Gap(unet, data, 0);
        Assert.Equal(before, ModuleState.Describe(unet));
        foreach (CureVariant repair in repairs)
        {
            using (new UnetResnet.Diagnosis.ModelState(unet))
            {
                repair.Repair!(unet, data);
                Assert.NotEqual(before, ModuleState.Describe(unet));
            }

            Assert.Equal(before, ModuleState.Describe(unet));
        }
    }

    [Theory]
    [InlineData("dropout", 6)]
    [InlineData("images", 5)]
    [InlineData("batch", 12)]
    public void Sweeps_run(string sweep, int points)
    {
        // One image of 32×32 would be a single value per channel at the end of the encoder.
        CureData data = CureData.Load("salt", Tiny with { Epochs = 1, Side = 64 }, limit: 8);
        List<SweepPoint> found = [.. CureSweeps.Run(sweep, data, 0, new Lines(), default)];
        Assert.Equal(points, found.Count);
        Assert.All(found, p => Assert.True(double.IsFinite(p.TrainLoss) && double.IsFinite(p.ValLoss) && double.IsFinite(p.Gap), p.ToString()));
        if (sweep == "images") Assert.Equal([0, 1, 2, 4, 8], found.Select(p => p.X));
    }

    [Fact]
    public void The_command_prints_json_draws_a_chart_and_does_not_measure_twice()
    {
        string file = folder["league.json"], picture = folder["league.png"];
        (int Exit, string Out, string Error, int Measured) Bench(params string[] more)
        {
            var lines = new Lines();
            (int exit, string text, string error) = CommandRun.Of(CuresBenchCommand.Create(lines), ["--datasets", "salt", "--seeds", "1", "--epochs", "1", "--limit", "6", "--json", .. more]);
            return (exit, text, error, lines.Count);
        }

        var first = Bench("--variants", "broken,recalibrated", "--output", file, "--chart", picture);
        Assert.Equal((0, 2), (first.Exit, first.Measured));
        JsonElement[] rows = [.. JsonDocument.Parse(first.Out).RootElement.EnumerateArray()];
        Assert.Equal(["broken", "recalibrated"], rows.Select(r => r.GetProperty("variant").GetString()));
        Assert.Equal(
            ["dataset", "gap", "peak_mb", "seconds", "seed", "trained_parameters", "val_iou", "val_loss", "variant"],
            rows[0].EnumerateObject().Select(p => p.Name).Order(StringComparer.Ordinal));
        Assert.Equal([0x89, (byte)'P', (byte)'N', (byte)'G'], File.ReadAllBytes(picture)[..4]);

        var second = Bench("--variants", "broken,recalibrated,batch-at-test", "--output", file);
        Assert.Equal((0, 1), (second.Exit, second.Measured));
        Assert.Equal(3, JsonDocument.Parse(second.Out).RootElement.GetArrayLength());
        var unknown = Bench("--variants", "magic");
        Assert.Equal(1, unknown.Exit);
        Assert.Contains("Known: broken,", unknown.Error);
        File.WriteAllText(file, "[7]");
        var broken = Bench("--variants", "broken", "--output", file);
        Assert.Equal((1, 0), (broken.Exit, broken.Measured));
        Assert.Contains("league.json", Assert.Single(broken.Error.Trim().Split('\n')));
    }

    [Fact]
    public void Unknown_names_are_answered_with_the_known_ones()
    {
        Assert.Contains("Known: brain, salt", Assert.Throws<ArgumentException>("name", () => CureData.Load("moon", Tiny, null)).Message);
        Assert.Contains("Known: dropout, images, batch", Assert.Throws<ArgumentException>("name", () => CureSweeps.Run("moon", CureData.Load("salt", Tiny, 4), 0, new Lines(), default)).Message);
        Assert.Equal(2.5, CureCharts.Median([4, 1, 2, 3]));
    }

    private sealed class Lines : IProgress<string>
    {
        internal int Count { get; private set; }

        public void Report(string value) => Count++;
    }
}
