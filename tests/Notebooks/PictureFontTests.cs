using System.Text.Json.Nodes;
using Cellar.Notebooks;
using Plotly.NET;
using SkiaSharp;
using UnetResnet.Data;
using UnetResnet.Diagnosis;
using UnetResnet.Models;
using UnetResnet.Notebooks;
using UnetResnet.Notebooks.Drawing;
using UnetResnet.Runtime;
using UnetResnet.Tests.Diagnosis;
using UnetResnet.Training;

namespace UnetResnet.Tests.Notebooks;

public class PictureFontTests
{
    [Fact]
    public void Every_character_that_charts_use_has_a_glyph_and_others_are_told()
    {
        string characters = new string([.. Enumerable.Range(' ', '~' - ' ' + 1).Select(c => (char)c)]) + "–—−×÷·…°±≤≥≈≠∞→←↑↓√²³₀₁₂✓✗’‘“”µαβγδεηλμσΔΣ";
        Assert.Equal("", PictureFont.Missing(characters));
        Assert.Equal("一", PictureFont.Missing("a一"));
    }

    [Fact]
    public void Width_is_what_is_drawn()
    {
        using var bitmap = new SKBitmap(400, 200);
        using var canvas = new LabelledCanvas(bitmap);
        canvas.Clear(SKColors.White);
        PictureFont.Draw(canvas, "HIH", 40, 150, 100, SKColors.Black);
        (int left, int right) = (int.MaxValue, int.MinValue);
        for (int x = 0; x < bitmap.Width; x++)
            for (int y = 0; y < bitmap.Height; y++)
                if (bitmap.GetPixel(x, y).Red < 128) (left, right) = (Math.Min(left, x), Math.Max(right, x));
        // The bearings of an H are about 0.08 em on either side.
        Assert.Equal(PictureFont.Measure("HIH", 100) - 16, right - left + 1, 8f);
        (string text, SKRect box) = Assert.Single(canvas.Labels);
        Assert.Equal(("HIH", 40f, 40 + PictureFont.Measure("HIH", 100)), (text, box.Left, box.Right));
    }

    public static TheoryData<string> Notebooks => [.. Directory.GetFiles(Path.Combine(Directory.GetParent(BundledFiles.Root)!.FullName, "notebooks"), "*.ipynb").Select(path => Path.GetFileName(path)).Order()];

    [Theory]
    [MemberData(nameof(Notebooks))]
    public void No_label_of_a_notebooks_charts_lacks_a_character_or_leaves_the_picture(string name)
    {
        NotebookDocument notebook = NotebookDocument.Load(Path.Combine(Directory.GetParent(BundledFiles.Root)!.FullName, "notebooks", name));
        foreach (JsonNode? output in notebook.Cells.Where(c => c.IsCode).SelectMany(c => c.Outputs))
            if (output?["data"]?[ChartFigure.MimeType] is JsonObject figure) Check(figure);
    }

    [Fact]
    public void No_label_of_the_kits_own_charts_lacks_a_character_or_leaves_the_picture()
    {
        NotebookFormatters.Register();
        using UNetResNet50 unet = Miniature.UNet();
        using Batch batch = Miniature.Images(count: 4);
        StatisticsDistance distance = StatisticsDistance.Measure(unet, batch.Inputs);
        LayerAttribution attribution = LayerAttribution.Measure(unet, batch, images: 2);
        var runs = new Dictionary<string, TrainingHistory> { ["batch norm frozen as in Keras 2.1.3"] = Histories.Of(12), ["recalibrated, then trained in inference mode"] = Histories.Of(6), ["third"] = Histories.Of(3) };
        Dictionary<string, IReadOnlyList<double>> rows = Enumerable.Range(0, 12).ToDictionary(i => $"a variant with a long name, number {i}", i => (IReadOnlyList<double>)[i + 1, i + 2, i]);
        GenericChart[] charts =
        [
            Charts.Loss(Histories.Of(12), "Loss"), Charts.Compare(runs, HistoryMetric.IoU, "Compared"), Charts.Panels(runs, HistoryMetric.Loss, "Panels"),
            Charts.Dots(rows, "League", "validation loss"), Charts.Bars(rows.ToDictionary(r => r.Key, r => r.Value[0]), "Bars", "value"),
            Charts.Bars(rows.Take(3).ToDictionary(r => r.Key, r => -r.Value[0] * 1e6), "Bars", "value"),
            distance.Chart(), distance.DepthChart("Distance"), distance.PathButtons(), attribution.Chart(), attribution.PrefixChart(), ActivationDrift.Measure(unet, batch).Chart(),
            InteractiveChartsTests.Clock().Chart(), InteractiveChartsTests.Clock().MomentumSlider(), InteractiveChartsTests.Masks(),
        ];
        Assert.All(charts, chart => Check(ChartFigure.Of(chart)));
        foreach (Diagram diagram in (Diagram[])[Diagram.Network(), Diagram.Network(224, 64), Diagram.Statistics()])
            Check(diagram.Labels(), diagram.Size.Width, diagram.Size.Height);
    }

    private static void Check(JsonObject figure) => Check(ChartPicture.Labels(figure), 760, ChartPicture.HeightOf(figure));

    private static void Check(IReadOnlyList<(string Text, SKRect Box)> labels, double width, double height)
    {
        Assert.NotEmpty(labels);
        foreach ((string text, SKRect box) in labels)
        {
            Assert.True(PictureFont.Missing(text).Length == 0, $"'{text}' lacks '{PictureFont.Missing(text)}'");
            Assert.True(box.Left >= 0 && box.Top >= 0 && box.Right <= width && box.Bottom <= height, $"'{text}' at {box} leaves the picture of {width} × {height}: {labels[0].Text}");
        }
    }
}
