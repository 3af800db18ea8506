using System.Xml.Linq;
using Microsoft.DotNet.Interactive.Formatting;
using UnetResnet.Data;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Notebooks;
using UnetResnet.Notebooks.Drawing;

namespace UnetResnet.Tests.Notebooks;

public class DiagramTests
{
    // A page draws the SVG in the reader's own font; DejaVu, the widest of the common ones, is about a quarter wider than the kit's.
    private const float WidestFont = 1.25f;

    [Fact]
    public void Svg_is_well_formed_with_a_title_and_both_settings()
    {
        foreach (Diagram diagram in (Diagram[])[Diagram.Network(), Diagram.Statistics()])
        {
            XElement svg = XElement.Parse(diagram.ToSvg());
            Assert.Equal("svg", svg.Name.LocalName);
            Assert.Equal(diagram.ToString(), "Diagram. " + svg.Elements().First(e => e.Name.LocalName == "title").Value);
            Assert.Contains("prefers-color-scheme: dark", svg.Value);
            Assert.DoesNotContain("<script", diagram.ToSvg());
            // The text of a box stays inside of it.
            foreach (DiagramBox box in diagram.Shapes.OfType<DiagramBox>())
                foreach ((int i, string line) in box.Lines.Index()) Assert.True(WidestFont * PictureFont.Measure(line, 13, bold: i == 0) < box.Width - 8, line);
            PixelImage picture = ImageCodec.Decode(diagram.ToPng());
            Assert.Equal(((int)(2 * diagram.Size.Width), (int)(2 * diagram.Size.Height)), (picture.Width, picture.Height));
        }
        Assert.Equal(["image/svg+xml", "image/png", "text/plain"], Formatter.GetPreferredMimeTypesFor(typeof(Diagram)));
    }

    [Fact]
    public void The_network_is_drawn_as_it_is_built()
    {
        using UNetResNet50 unet = new(new UNetOptions { Encoder = new ResNet50Options { Width = 16 } });
        string[] texts = [.. Diagram.Network(96, 16).Shapes.OfType<DiagramBox>().SelectMany(box => box.Lines)];
        string[] layers = [.. unet.Encoder.BatchNormLayers().Select(layer => layer.Name)];
        int[] counts = [layers.Count(n => n.Contains("bn_conv1")), .. Enumerable.Range(2, 4).Select(stage => layers.Count(n => n.Contains($"bn{stage}")))];
        foreach ((int i, long channels) in ResNet50Encoder.FeatureChannelsOf(16).Index())
        {
            int at = Array.IndexOf(texts, $"{(i == 0 ? "conv1" : $"stage {i + 1}")} · {96 >> (i + 1)}×{96 >> (i + 1)}×{channels}");
            Assert.True(at >= 0, $"stage {i + 1}");
            Assert.Equal($"{counts[i]} × conv + batch norm", texts[at + 1]);
        }

        foreach ((int i, int filters) in unet.Options.DecoderFilters.Index()) Assert.Contains($"conv{6 + i} · {96 >> (4 - i)}×{96 >> (4 - i)}×{filters}", texts);
        Assert.Throws<ArgumentOutOfRangeException>(() => Diagram.Network(side: 100));
    }
}
