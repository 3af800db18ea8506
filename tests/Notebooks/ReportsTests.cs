using System.Text.Json.Nodes;
using Microsoft.DotNet.Interactive.Formatting;
using Plotly.NET;
using UnetResnet.Data;
using UnetResnet.Diagnosis;
using UnetResnet.Models;
using UnetResnet.Notebooks;
using UnetResnet.Tests.Diagnosis;

namespace UnetResnet.Tests.Notebooks;

public class ReportsTests
{
    [Fact]
    public void Every_report_shows_itself_as_html_and_text_and_draws_its_charts()
    {
        NotebookFormatters.Register();
        using UNetResNet50 unet = Miniature.UNet();
        using Batch batch = Miniature.Images(count: 4);
        TrainEvalGap gap = TrainEvalGap.Measure(unet, batch);
        ModeMatrix matrix = ModeMatrix.Measure(unet, batch);
        LayerAttribution attribution = LayerAttribution.Measure(unet, batch, images: 2);
        ActivationDrift drift = ActivationDrift.Measure(unet, batch);
        BatchSizeSensitivity sensitivity = BatchSizeSensitivity.Measure(unet, batch, arrangements: 2);
        FreezeAudit audit = FreezeAudit.Measure(unet, batch, steps: 1);

        foreach (DiagnosticReport report in new DiagnosticReport[] { gap, matrix, attribution, drift, sensitivity, audit })
        {
            Assert.Equal(["text/html", "text/plain"], Formatter.GetPreferredMimeTypesFor(report.GetType()));
            string html = report.ToDisplayString("text/html");
            Assert.Equal(report.ToHtml(), html);
            Assert.Contains($"<div class=\"ur-title\">{report.Title}</div>", html, StringComparison.Ordinal);
            Assert.Contains("<table class=\"ur-table\">", html, StringComparison.Ordinal);
            Assert.Equal(report.ToText(), report.ToDisplayString("text/plain"));
            Assert.StartsWith(report.Title + "\n===", report.ToText(), StringComparison.Ordinal);
            Assert.Contains(report.Finding, report.ToText(), StringComparison.Ordinal);
        }

        foreach (GenericChart chart in new[]
        {
            gap.Chart(), matrix.Chart(), matrix.EffectsChart(), attribution.Chart(), attribution.PrefixChart(), drift.Chart(), drift.DeadChannelsChart(),
            sensitivity.Chart(), sensitivity.LogitChart(), audit.Chart(),
        })
        {
            JsonObject figure = ChartFigure.Of(chart);
            Assert.NotEmpty(figure["data"]!.AsArray());
            Assert.Equal(1520, ImageCodec.Decode(ChartPicture.Png(chart)).Width);
            Assert.DoesNotContain("no finite value", ChartSummary.Of(figure), StringComparison.Ordinal);
        }

        double[] bars = [.. ChartFigure.Of(attribution.Chart())["data"]!.AsArray().SelectMany(trace => trace!["y"]!.AsArray()).Select(y => (double)y!)];
        Assert.Equal(attribution.Layers.Select(l => l.LeaveOneOutDistance), bars);
        JsonNode heat = ChartFigure.Of(matrix.Chart())["data"]![0]!;
        Assert.Equal(matrix.TrainingLoss, (double)heat["z"]![0]![0]!);
        Assert.Equal(matrix.InferenceLoss, (double)heat["z"]![1]![3]!);
    }

    [Fact]
    public void Names_from_a_model_are_escaped()
    {
        var report = new FreezeAudit { Steps = 1, Parameters = (1, 2), Buffers = (0, 0), Items = [new(FreezeFault.NotInOptimizer, "<b>", "")], Notes = ["a & b"] };
        string html = report.ToHtml();
        Assert.DoesNotContain("'<b>'", html, StringComparison.Ordinal);
        Assert.Contains("&lt;b&gt;", html, StringComparison.Ordinal);
        Assert.Contains("a &amp; b", html, StringComparison.Ordinal);
    }
}
