using System.Text.Json.Nodes;
using Plotly.NET;
using UnetResnet.Data;
using UnetResnet.Diagnosis;
using UnetResnet.Models;
using UnetResnet.Notebooks;
using UnetResnet.Tests.Diagnosis;

namespace UnetResnet.Tests.Notebooks;

public class ReportChartsTests
{
    [Fact]
    public void Every_diagnostic_of_the_room_draws_itself()
    {
        NotebookFormatters.Register();
        using UNetResNet50 unet = Miniature.UNet();
        using Batch batch = Miniature.Images(count: 4);
        DiagnosticReport[] reports =
        [
            TrainEvalGap.Measure(unet, batch), ModeMatrix.Measure(unet, batch), ModeShares.Measure(unet, batch), LayerShares.Measure(unet, batch, pairs: 2, images: 2), StatisticsDistance.Measure(unet, batch.Inputs),
            LayerAttribution.Measure(unet, batch, images: 2), ActivationDrift.Measure(unet, batch), BatchSizeSensitivity.Measure(unet, batch, arrangements: 2),
            FreezeAudit.Measure(unet, batch, frozen: ["encoder"], steps: 1), EmaClock.Measure(0.1, 9), ControlExperiments.Measure(unet, batch.Inputs),
            PreprocessingFingerprint.MeasurePixels(unet, batch.Inputs.abs()), CurveSignature.Measure(Histories.Of(12)),
            Verdict(new Evidence("a", 3, 2, ""), new Evidence("b", 1, double.NaN, "")),
        ];
        Assert.All(reports, report => Assert.NotEmpty(report.AllCharts()));
        JsonNode[] traces = [.. reports.SelectMany(report => report.AllCharts()).Select(chart => ChartFigure.Of(chart)["data"]!.AsArray()).SelectMany(data => { Assert.NotEmpty(data); return data; }).Select(trace => trace!)];
        Assert.All(traces, trace => Assert.NotNull(trace["hovertemplate"]));

        // A title that names a layer names the tallest bar.
        LayerAttribution attribution = reports.OfType<LayerAttribution>().Single();
        string tallest = attribution.Layers.MaxBy(layer => layer.LeaveOneOutDistance)!.Layer.Split('.')[^1];
        Assert.Contains(tallest, (string?)ChartFigure.Of(attribution.Chart())["layout"]!["title"]!["text"]);
        Assert.Contains(ChartFigure.Of(attribution.Chart())["layout"]!["annotations"]!.AsArray(), a => (string?)a!["text"] == "encoder");

        // Every record of the room is either above or has no figure to draw.
        Type[] drawn = [.. reports.Select(report => report.GetType())];
        Type[] all = [.. typeof(DiagnosticReport).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(DiagnosticReport)))];
        Assert.Equal([nameof(LeakageScan)], all.Except(drawn).Select(type => type.Name));
    }

    [Fact]
    public void Evidence_is_drawn_in_units_of_its_limit_and_without_a_limit_left_out()
    {
        GenericChart chart = Verdict(new Evidence("gap", 3, 2, ""), new Evidence("count", 53, double.NaN, "")).Chart();
        JsonNode bars = ChartFigure.Of(chart)["data"]![0]!;
        Assert.Equal(["1 · gap"], bars["x"]!.AsArray().Select(x => (string)x!));
        Assert.Equal([1.5], bars["y"]!.AsArray().Select(y => (double)y!));

        DoctorReport none = Verdict(new Evidence("count", 53, double.NaN, ""));
        Assert.Empty(none.AllCharts());
        Assert.Throws<ArgumentException>(() => none.Chart());
    }

    private static DoctorReport Verdict(params Evidence[] evidence) => new()
    {
        Cause = Cause.FrozenBatchStatistics,
        Verdict = "",
        Confidence = 1,
        Evidence = evidence,
        Reports = [],
        Seconds = 1,
    };
}
