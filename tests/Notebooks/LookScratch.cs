using System.Text.Json.Nodes;
using Cellar.Notebooks;
using Plotly.NET;
using UnetResnet.Data;
using UnetResnet.Diagnosis;
using UnetResnet.Models;
using UnetResnet.Notebooks;
using UnetResnet.Runtime;
using UnetResnet.Tests.Diagnosis;
using UnetResnet.Training;
using UnetResnet.Lab.Report;
using UnetResnet.Lab.Running;

namespace UnetResnet.Tests.Notebooks;

public class LookScratch
{
    [Fact]
    public void Dump()
    {
        Directory.CreateDirectory("/tmp/lookout");
        string root = Directory.GetParent(BundledFiles.Root)!.FullName;
        foreach (string path in Directory.GetFiles(Path.Combine(root, "notebooks"), "*.ipynb").Order())
        {
            int n = 0;
            foreach (JsonNode? output in NotebookDocument.Load(path).Cells.Where(c => c.IsCode).SelectMany(c => c.Outputs))
                if (output?["data"]?[ChartFigure.MimeType] is JsonObject figure) File.WriteAllBytes($"/tmp/lookout/nb{Path.GetFileName(path)[..2]}-{n++}.png", ChartPicture.Png(figure));
        }
        NotebookFormatters.Register();
        using UNetResNet50 unet = Preset.Quick.CreateUNet(0);
        var preset = Preset.Quick; var data = preset.LoadData();
        using Batch batch = preset.Batches(data.Train.Every(17)).Epoch().First();
        StatisticsDistance distance = StatisticsDistance.Measure(unet, batch.Inputs);
        LayerAttribution attribution = LayerAttribution.Measure(unet, batch, images: 4);
        var runs = new Dictionary<string, TrainingHistory> { ["batch norm frozen as in Keras 2.1.3"] = Histories.Of(12), ["recalibrated, then trained in inference mode"] = Histories.Of(6), ["third"] = Histories.Of(3) };
        Dictionary<string, IReadOnlyList<double>> rows = Enumerable.Range(0, 12).ToDictionary(i => $"a variant with a long name, number {i}", i => (IReadOnlyList<double>)[i + 1, i + 2, i]);
        (string, GenericChart)[] charts =
        [
            ("loss", Charts.Loss(Histories.Of(12), "Loss")), ("compare", Charts.Compare(runs, HistoryMetric.IoU, "Compared")), ("panels", Charts.Panels(runs, HistoryMetric.Loss, "Panels")),
            ("dots", Charts.Dots(rows, "League", "validation loss")), ("bars", Charts.Bars(rows.ToDictionary(r => r.Key, r => r.Value[0]), "Bars", "value")),
            ("neg", Charts.Bars(rows.Take(3).ToDictionary(r => r.Key, r => -r.Value[0] * 1e6), "Bars", "value")),
            ("distance", distance.Chart()), ("depth", distance.DepthChart("Distance")), ("paths", distance.PathButtons()), ("attribution", attribution.Chart()), ("prefix", attribution.PrefixChart()), ("drift", ActivationDrift.Measure(unet, batch).Chart()),
            ("clock", InteractiveChartsTests.Clock().Chart()), ("momentum", InteractiveChartsTests.Clock().MomentumSlider()),
            ("masks", Charts.Slider("epoch", Enumerable.Range(1, 3).ToDictionary(i => $"{i}", i => ImageGallery.Of($"After epoch {i}", data.Validation.Take(4 + i).Skip(i).Select(s => s.Image).ToList(), ["a", "b", "c", "d"])))),
        ];
        foreach ((string name, GenericChart chart) in charts) File.WriteAllBytes($"/tmp/lookout/{name}.png", ChartPicture.Png(chart));
        File.WriteAllBytes("/tmp/lookout/network.png", Diagram.Network().ToPng());
        File.WriteAllBytes("/tmp/lookout/statistics.png", Diagram.Statistics().ToPng());
        File.WriteAllText("/tmp/lookout/network.svg", Diagram.Network().ToSvg());
        File.WriteAllText("/tmp/lookout/statistics.svg", Diagram.Statistics().ToSvg());
        File.WriteAllBytes("/tmp/lookout/gallery.png", ImageGallery.Samples("Samples", data.Validation.Take(6)).ToPng());
        // A page of new things.
        JsonObject Out(string mime, JsonNode content) => new() { ["data"] = new JsonObject { [mime] = content }, ["metadata"] = new JsonObject(), ["output_type"] = "display_data" };
        var cells = new List<JsonObject> { Notebook.Markdown("# New things\n\n## Charts") };
        foreach ((string name, GenericChart chart) in charts) { var c = Notebook.Code($"// {name}"); c["outputs"]!.AsArray().Add(Out(ChartFigure.MimeType, ChartFigure.Of(chart))); cells.Add(c); }
        foreach (Diagram d in (Diagram[])[Diagram.Network(), Diagram.Statistics()]) { var c = Notebook.Code("// diagram"); c["outputs"]!.AsArray().Add(Out("image/svg+xml", d.ToSvg())); cells.Add(c); }
        var g = Notebook.Code("// gallery"); g["outputs"]!.AsArray().Add(Out("text/html", ImageGallery.Samples("Samples", data.Validation.Take(6)).ToHtml())); cells.Add(g);
        string[] paths = [.. Directory.GetFiles(Path.Combine(root, "notebooks"), "*.ipynb").Order()];
        NotebookDocument fresh = NotebookDocument.Parse(Notebook.Text([.. cells]), "99-new.ipynb");
        ReportWriter.Write("/tmp/lookout/report", [.. paths.Select(p => { var n = NotebookDocument.Load(p); return new ReportEntry(n, RunStamp.Read(n), Path.GetDirectoryName(p)!); }), new ReportEntry(fresh, RunStamp.Read(fresh), "/tmp")]);
    }
}
